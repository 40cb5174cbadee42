"""Figures of the server and of what it serves, in Prometheus' form.

Belongs here: what is counted. Does not belong here: KPIs of the business, which are tables.

With several workers each writes its counts to files in the folder that they share, and whichever is asked sums them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from ml.serving.settings import ServingSettings
from ml.serving.snapshot import SnapshotError, Snapshots

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Figures:
    """Counters of one worker, and the text of all of them."""

    def __init__(self, settings: ServingSettings, snapshots: Snapshots) -> None:
        self._shared = settings.shared if settings.workers > 1 else None
        self._own = CollectorRegistry()
        self.requests = Counter("stockroom_api_requests", "Requests answered.", ["method", "route", "status"], registry=self._own)
        self.seconds = Histogram(
            "stockroom_api_request_seconds", "Time to the last byte.", ["route"], buckets=_SECONDS, registry=self._own
        )
        self.switches = Counter("stockroom_api_snapshot_switches", "Newer snapshots opened, per worker.", registry=self._own)
        self._snapshot = _OfSnapshot(snapshots)
        if not self._shared:
            self._own.register(self._snapshot)  # type: ignore[arg-type]

    def text(self) -> bytes:
        """What Prometheus reads."""
        if not self._shared:
            return generate_latest(self._own)
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self._shared))  # type: ignore[arg-type]
        registry.register(self._snapshot)  # type: ignore[arg-type]
        return generate_latest(registry)


class _OfSnapshot:
    """Gauges read from the snapshot when they are asked for."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterator[Any]:
        def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"stockroom_{name}", text, value)

        yield gauge(
            "snapshot_is_stuck", "1 where a newer snapshot is there and cannot be opened.", float(bool(self._snapshots.problem))
        )
        try:
            snapshot = self._snapshots.current
        except SnapshotError:
            yield gauge("snapshot_is_open", "1 where a snapshot is served.", 0.0)
            return
        run = snapshot.run
        as_of = datetime.combine(snapshot.as_of_date, time(), UTC)
        yield gauge("snapshot_is_open", "1 where a snapshot is served.", 1.0)
        yield gauge(
            "snapshot_published_timestamp_seconds",
            "When it was published.",
            snapshot.published_at.replace(tzinfo=UTC).timestamp(),
        )
        yield gauge("snapshot_as_of_timestamp_seconds", "Last day whose data the run knew.", as_of.timestamp())
        for name, text in (("lines_read", "Lines of source files read."), ("lines_rejected", "Lines of source files refused.")):
            if run.get(name) is not None:
                yield gauge(f"snapshot_{name}", text, float(run[name]))
        rows = GaugeMetricFamily("stockroom_snapshot_table_rows", "Rows per published table.", labels=["table"])
        for table in snapshot.tables.values():
            rows.add_metric([table.name], float(table.row_count))
        yield rows
