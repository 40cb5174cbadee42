"""What a run is called: hashes of its data, its code and its settings.

Belongs here: the identity of a run. Does not belong here: a clock or a counter; equal inputs must give equal names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from pathlib import Path

import polars as pl

from ml.forecasting.settings import ForecastSettings

_PACKAGE = Path(__file__).resolve().parents[1]


def data_hash(frames: Iterable[pl.DataFrame]) -> str:
    """Hash of the rows read, as CSV text with column names. Frames must come sorted by their key."""
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(frame.write_csv().encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def code_hash(package: Path = _PACKAGE) -> str:
    """Hash of the source files that make the forecast, by relative path and content."""
    promised = [package / "contracts" / f"{name}.py" for name in ("features", "forecasts", "frame")]
    files = [*promised, package / "evaluation.py", *sorted((package / "forecasting").glob("*.py"))]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def settings_json(settings: ForecastSettings) -> str:
    """The settings that can change a result, as JSON with sorted keys."""
    values = asdict(settings)
    values.pop("chunk_series")
    return json.dumps(values, sort_keys=True)


def run_id(as_of_date: date, data: str, code: str, settings: ForecastSettings, model_version: str) -> str:
    """First 16 hex digits of a sha256 over everything that decides the run's output."""
    text = "\n".join((as_of_date.isoformat(), data, code, settings_json(settings), model_version))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
