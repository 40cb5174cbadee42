"""Is this machine able to run the job? What is wrong, and how to put it right.

Belongs here: checks of the installation, each with its remedy. Does not belong here: what runs found (status), printing.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from dagster_project.settings import PROJECT_ROOT, VARIABLES, Settings

SPACE_PER_SOURCE = 15
"""Bytes that a run writes for a byte of raw files: the warehouse, what is published, and room to replace both. Measured on demo data: 12."""
LEAST_SPACE = 2**30
_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}


@dataclass(frozen=True)
class Finding:
    """What one check found. `state` is good, odd (the job runs) or bad (it does not); `remedy` says what to do about the last two."""

    about: str
    state: str
    text: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, one after the other; none of them changes anything but for an empty file that comes and goes."""
    yield _python(sys.version_info[:2])
    yield from _packages()
    yield from _source(settings)
    yield _space(settings)
    yield _memory(settings, _available_memory())
    for about, folder, variable in (
        ("warehouse", settings.warehouse.parent, VARIABLES["warehouse"]),
        ("published", settings.published, VARIABLES["published_dir"]),
        ("Dagster", settings.dagster_home, VARIABLES["dagster_home"]),
        ("inbox", settings.inbox, VARIABLES["inbox"]),
    ):
        yield _writable(about, folder, variable)
    yield _warehouse(settings)
    yield from _receivers(settings)
    if settings.postgres_url:
        yield _postgres(settings)


def _python(found: tuple[int, ...]) -> Finding:
    said = ".".join(map(str, found))
    if found in ((3, 11), (3, 12)):
        return Finding("Python", "good", said)
    return Finding("Python", "bad", f"{said}; 3.11 or 3.12 is needed", "make clean, then: make setup PYTHON=/path/to/python3.11")


def _packages() -> Iterator[Finding]:
    """Direct dependencies against the pinned versions."""
    lines = [line.partition("#")[0].strip() for line in (PROJECT_ROOT / "constraints.txt").read_text().splitlines()]
    pins = {_canonical(name): pin for line in lines if line for name, _, pin in (line.partition("=="),)}
    wanted = [Requirement(text) for text in requires("stockroom") or []]
    needed = sorted({_canonical(one.name) for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})})
    missing, other = [], []
    for name in needed:
        try:
            found = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if name in pins and found.partition("+")[0] != pins[name]:
            other.append(f"{name} {found} (pinned: {pins[name]})")
    if missing:
        yield Finding("packages", "bad", f"not installed: {', '.join(missing)}", "make setup")
    if other:
        yield Finding("packages", "odd", f"not the versions that are tested together: {', '.join(other)}", "make setup")
    if not missing + other:
        yield Finding("packages", "good", f"{len(needed)} in the versions of constraints.txt")


def _source(settings: Settings) -> Iterator[Finding]:
    from dagster_project.inspecting import settings_problems
    from dagster_project.intake import IntakeError, check_source

    try:
        intake = check_source(settings.source_dir)
    except IntakeError as error:
        for problem in error.problems:
            said, _, remedy = problem.rpartition(". ")
            yield Finding(
                "raw files",
                "bad",
                said or problem,
                remedy or f"put files there, or name another folder: {VARIABLES['source_dir']}",
            )
        return
    count = sum(map(len, intake.files.values()))
    yield Finding("raw files", "good", f"{count} files of {intake.adapter} in {settings.source_dir}")
    for problem in settings_problems(settings.source_dir):
        yield Finding("photos", "bad", problem, "docs/vision.md names all settings")


def _space(settings: Settings) -> Finding:
    raw = (
        sum(path.stat().st_size for path in settings.source_dir.rglob("*") if path.is_file())
        if settings.source_dir.is_dir()
        else 0
    )
    needed = max(SPACE_PER_SOURCE * raw, LEAST_SPACE)
    free = shutil.disk_usage(_existing(settings.warehouse.parent)).free
    said = f"{_gib(free)} free at {settings.warehouse.parent}, about {_gib(needed)} needed"
    if free >= needed:
        return Finding("disk", "good", said)
    return Finding(
        "disk", "bad", said, f"free some, or put the warehouse elsewhere: {VARIABLES['warehouse']}=/other/disk/stockroom.duckdb"
    )


def _memory(settings: Settings, available: int | None) -> Finding:
    if available is None:
        return Finding(
            "memory",
            "odd",
            "this system does not say how much is free",
            f"{VARIABLES['memory_limit']} is {settings.memory_limit}",
        )
    said = f"{_gib(available)} available, SQL may use {settings.memory_limit}"
    if available >= _bytes(settings.memory_limit):
        return Finding("memory", "good", said)
    half = max(1, available // 2**30 // 2)
    return Finding("memory", "odd", said, f"close other programs, or let SQL use less: {VARIABLES['memory_limit']}={half}GB")


def _writable(about: str, folder: Path, variable: str) -> Finding:
    existing = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Finding("folders", "good", f"{about}: {folder} can be written")
    except OSError as error:
        said = f"{about}: {existing} cannot be written: {error.strerror or error}"
        return Finding("folders", "bad", said, f'sudo chown -R "$USER" {existing}, or name another place: {variable}')


def _warehouse(settings: Settings) -> Finding:
    import duckdb

    if not settings.warehouse.exists():
        return Finding("database", "good", f"{settings.warehouse} will be made by the first run")
    try:
        with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
            found = connection.sql("select count(*) from duckdb_tables()").fetchone()[0]
    except duckdb.Error as error:
        said = " ".join(str(error).split())
        if "lock" in said:
            return Finding("database", "odd", f"another program has it open: {said}", "wait for the run, or close that program")
        return Finding(
            "database",
            "bad",
            said,
            f"move it away and run again, all of it is made from raw files: mv {settings.warehouse} {settings.warehouse}.old",
        )
    return Finding("database", "good", f"{settings.warehouse}: {found} tables, DuckDB {duckdb.__version__}")


def _receivers(settings: Settings) -> Iterator[Finding]:
    from dagster_project.alerting.errors import AlertsError
    from dagster_project.alerting.receivers import read_receivers

    try:
        found = read_receivers(settings.alerts_file).receivers
    except AlertsError as error:
        for problem in error.problems:
            yield Finding("alerts", "bad", problem, error.next_step)
        return
    if found:
        yield Finding("alerts", "good", f"{', '.join(receiver.name for receiver in found)} will be told")
    else:
        yield Finding(
            "alerts",
            "odd",
            "nobody is told of alerts",
            f"name receivers in {settings.alerts_file}; docs/alerts.md shows a whole file",
        )


def _postgres(settings: Settings) -> Finding:
    try:
        import psycopg
    except ImportError:
        return Finding("PostgreSQL", "bad", "its driver is not installed", "pip install 'stockroom[postgres]'")
    try:
        with psycopg.connect(settings.postgres_url, connect_timeout=5) as connection:
            return Finding("PostgreSQL", "good", f"answers, version {connection.info.server_version // 10000}")
    except psycopg.Error as error:
        return Finding("PostgreSQL", "bad", " ".join(str(error).split()), f"start it, or correct {VARIABLES['postgres_url']}")


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _available_memory() -> int | None:
    """Bytes a new program may take; a container's limit is not looked at."""
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        return int(found[1]) * 1024 if found else None
    except OSError:
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (OSError, ValueError):
            return None


def _bytes(limit: str) -> int:
    number, unit = re.match(r"\s*([\d.]+)\s*([KMGT])", limit.upper()).groups()
    return int(float(number) * 2 ** _UNITS[unit])


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
