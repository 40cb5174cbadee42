"""What a server is told: where the snapshot and the models are, who may ask, and how much.

Belongs here: values, and handing them to worker processes. Does not belong here: keys' meaning (keys), anything that opens a file.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

HANDED_OVER = "STOCKROOM_API_SETTINGS"
"""The variable that worker processes read their settings from; `stockroom serve` writes it."""


@dataclass(frozen=True)
class Metric:
    """A KPI that adds up, as the project's semantic models define it. `expression` is an aggregate in SQL over the rows of `table`."""

    name: str
    label: str
    description: str
    unit: str
    table: str
    expression: str
    columns: tuple[str, ...]
    """What the expression reads: a snapshot that lacks one of them lacks the metric."""


@dataclass(frozen=True)
class ServingSettings:
    """One server. Bytes, rows and seconds are limits per request."""

    published: Path
    """Folder with `current`, as `stockroom publish` writes it."""
    models: Path | None = None
    """Folder of models; photos are scored with the newest of its folder `vision`."""
    keys: str = ""
    """API keys, one a line, as `ml.serving.keys` reads them; none: everybody on this machine may ask."""
    shared: Path | None = None
    """Folder that the workers of one server share, for counters; it is gone when the server is."""
    workers: int = 1
    metrics: tuple[Metric, ...] = ()
    max_body_bytes: int = 4_000_000
    max_photo_bytes: int = 20_000_000
    max_url_bytes: int = 8_192
    query_seconds: float = 10.0
    poll_seconds: float = 1.0
    """How often a worker looks for a new snapshot."""
    memory_limit: str = "1GB"
    """Of DuckDB, per worker."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> ServingSettings:
        content = json.loads(text)
        paths = {name: Path(content[name]) if content[name] else None for name in ("published", "models", "shared")}
        metrics = tuple(Metric(**{**item, "columns": tuple(item["columns"])}) for item in content["metrics"])
        return cls(**{**content, **paths, "metrics": metrics})

    @classmethod
    def handed_over(cls) -> ServingSettings:
        """Those of the process that started this one."""
        return cls.from_json(os.environ[HANDED_OVER])
