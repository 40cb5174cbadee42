"""The file that says who hears of what: read and checked.

Belongs here: the receivers' settings. Does not belong here: secrets, which stand in the environment; the file only names the variables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dagster_project.alerting.channels import CHANNELS, Channel
from dagster_project.alerting.errors import AlertsError
from dagster_project.alerting.message import KINDS, SEVERITIES, Alert
from dagster_project.settings import environment

DOCUMENTED = "docs/alerts.md shows a whole file"


@dataclass(frozen=True)
class Receiver:
    """Who hears of which alerts, how often, and by which channel. `stores` empty: alerts of all stores and of none."""

    name: str
    channel: Channel
    kinds: tuple[str, ...] = KINDS
    minimum_severity: str = "medium"
    stores: tuple[int, ...] = ()
    lines: int = 10
    messages_per_hour: int = 6
    remind_after_days: int = 7
    run_failures: bool = True

    def wants(self, alert: Alert) -> bool:
        return (
            alert.kind in self.kinds
            and alert.rank >= SEVERITIES.index(self.minimum_severity)
            and (not self.stores or alert.location_id in self.stores)
        )


@dataclass(frozen=True)
class Receivers:
    """The whole file. `stale_after_days`: days after the as-of day from which people hear that the data is old; 0: never."""

    receivers: tuple[Receiver, ...] = ()
    stale_after_days: int = 0


def read_receivers(path: Path, env: Mapping[str, str] | None = None) -> Receivers:
    """The receivers of a file; none where there is no file. Raises AlertsError with every problem of it."""
    env = environment() if env is None else env
    if not path.exists():
        return Receivers()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AlertsError([f"{path} cannot be read: {' '.join(str(error).split())}"], DOCUMENTED) from None
    problems: list[str] = []
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise AlertsError([f"{path}: not a list of settings"], DOCUMENTED)
    stale = content.pop("stale_after_days", 0)
    _check("stale_after_days", stale, int, problems)
    entries = content.pop("receivers", [])
    problems += [f"unknown setting {name!r}; known are stale_after_days, receivers" for name in content]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise AlertsError(
            [*(f"{path}: {problem}" for problem in problems), f"{path}: receivers is not a list of settings"], DOCUMENTED
        )
    found = [_receiver(entry, number, env, problems) for number, entry in enumerate(entries, 1)]
    names = [str(entry.get("name")) for entry in entries]
    problems += [f"two receivers are named {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]
    if problems:
        raise AlertsError([f"{path}: {problem}" for problem in problems], DOCUMENTED)
    return Receivers(tuple(receiver for receiver in found if receiver), stale)


def _receiver(entry: dict[str, Any], number: int, env: Mapping[str, str], problems: list[str]) -> Receiver | None:
    values = dict(entry)
    name, kind = values.pop("name", None), values.pop("type", None)
    where = f"receiver {name if name else number}"
    before = len(problems)
    if not isinstance(name, str) or not name.strip():
        problems.append(f"{where}: needs a name")
    if kind not in CHANNELS:
        problems.append(f"{where}: type is {kind!r}; known are {', '.join(CHANNELS)}")
        return None
    own = {field.name: field for field in dataclasses.fields(Receiver) if field.name not in ("name", "channel")}
    common = {key: values.pop(key) for key in list(values) if key in own}
    for key, types in (("lines", int), ("messages_per_hour", int), ("remind_after_days", int), ("run_failures", bool)):
        if key in common:
            _check(f"{where}: {key}", common[key], types, problems, at_least=1)
    for key, allowed in (("kinds", KINDS), ("stores", None)):
        if key in common:
            common[key] = _list(f"{where}: {key}", common[key], allowed, problems)
    if common.get("minimum_severity", "low") not in SEVERITIES:
        problems.append(f"{where}: minimum_severity is {common['minimum_severity']!r}; known are {', '.join(SEVERITIES)}")
    channel = _channel(CHANNELS[kind], values, where, env, problems)
    return Receiver(name, channel, **common) if channel and len(problems) == before else None


def _channel(
    channel: type[Any], values: dict[str, Any], where: str, env: Mapping[str, str], problems: list[str]
) -> Channel | None:
    before = len(problems)
    fields = {field.name: field for field in dataclasses.fields(channel)}
    known = [f"{name}_env" if name in channel.SECRETS else name for name in fields]
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        secret = key.removesuffix("_env")
        if key in channel.SECRETS:
            problems.append(f"{where}: {key} is a secret and stands in the environment: name its variable as {key}_env")
        elif key not in known:
            problems.append(f"{where}: unknown setting {key!r}; known are {', '.join(known)}, and those of all receivers")
        elif secret in channel.SECRETS:
            if not env.get(str(value)):
                problems.append(f"{where}: the environment variable {value} of {key} is not set")
            arguments[secret] = env.get(str(value), "")
        else:
            default = fields[key].default
            types = int if isinstance(default, int) else list if key == "to" else str
            _check(f"{where}: {key}", value, types, problems, at_least=1)
            arguments[key] = tuple(value) if isinstance(value, list) else value
    missing = [
        shown
        for shown, field in zip(known, fields.values(), strict=True)
        if field.default is dataclasses.MISSING and field.name not in arguments
    ]
    if len(problems) == before:
        problems += [f"{where}: needs {name}" for name in missing]
    if len(problems) > before:
        return None
    try:
        return channel(**arguments)
    except ValueError as error:
        problems.append(f"{where}: {error}")
        return None


def _check(where: str, value: Any, wanted: type, problems: list[str], at_least: int = 0) -> None:
    said = {int: "a whole number", bool: "true or false", str: "text", list: "a list"}[wanted]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        problems.append(f"{where} is {value!r}, not {said}")
    elif wanted is int and value < at_least:
        problems.append(f"{where} is {value}; {at_least} is the least")
    elif wanted is list and not all(isinstance(part, str) for part in value):
        problems.append(f"{where} is {value!r}, not a list of texts")


def _list(where: str, value: Any, allowed: tuple[str, ...] | None, problems: list[str]) -> tuple:
    if not isinstance(value, list) or not value:
        problems.append(f"{where} is {value!r}, not a list")
        return ()
    if allowed:
        problems += [f"{where} has {part!r}; known are {', '.join(allowed)}" for part in value if part not in allowed]
    else:
        problems += [f"{where} has {part!r}, not the number of a store" for part in value if type(part) is not int]
    return tuple(value)
