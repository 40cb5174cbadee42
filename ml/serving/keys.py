"""Who may ask for what, and how often: API keys, their scopes, and limits that all workers of a server share.

Belongs here: reading keys, knowing one, counting its requests. Does not belong here: requests (gate).

A key is one line: name, SHA-256 of the key, scopes, requests per minute. The key itself is nowhere: it is 256 random bits, so its
hash cannot be guessed and needs no salt and no slow function.

    till      sha256:5e88…  read            600/min
    planner   sha256:9b74…  read,what-if    unlimited
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import re
import secrets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SCOPES = {
    "read": "tables, recommendations, forecasts, KPIs and alerts",
    "what-if": "decisions on stock and terms that are posted",
    "defects": "scores of photos that are posted",
    "metrics": "figures of the server, for Prometheus",
}
DEFAULT_PER_MINUTE = 600
BURST_SECONDS = 5.0
"""So much of the limit may come at once."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_RATE = re.compile(r"([1-9]\d{0,8})/min|unlimited")


class KeysError(ValueError):
    """Keys that cannot be read; says which line and how to write it."""


@dataclass(frozen=True)
class Key:
    """`per_minute` is 0 where there is no limit; `slot` is its place among the counters."""

    name: str
    digest: str
    scopes: frozenset[str]
    per_minute: int
    slot: int = 0


ANYBODY = Key("anybody", "", frozenset(SCOPES), 0)
"""Where no key is configured."""


def new_key(name: str, scopes: str, rate: str = f"{DEFAULT_PER_MINUTE}/min") -> tuple[str, str]:
    """A key, to be told once, and the line to keep. Raises KeysError for names and scopes that no line may have."""
    key = f"sr_{secrets.token_urlsafe(32)}"
    line = f"{name} sha256:{digest(key)} {scopes} {rate}"
    read_keys(line)
    return key, line


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read_keys(text: str) -> dict[str, Key]:
    """Keys by their hash. Lines (or parts between `;`) that are empty or begin with # are skipped. Raises KeysError."""
    found: dict[str, Key] = {}
    for number, line in enumerate(re.split(r"[;\n]", text), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) not in (3, 4):
            raise KeysError(
                f"API keys, line {number}: name, sha256:…, scopes and requests per minute expected, {len(words)} words found"
            )
        name, hashed, scopes = words[0], _HASH.fullmatch(words[1]), frozenset(words[2].split(","))
        rate = _RATE.fullmatch(words[3]) if len(words) == 4 else _RATE.fullmatch(f"{DEFAULT_PER_MINUTE}/min")
        if not _NAME.fullmatch(name) or name in {key.name for key in found.values()}:
            raise KeysError(f"API keys, line {number}: a name of its own is needed, of letters, digits and . _ -")
        if not hashed or hashed[1] in found:
            raise KeysError(
                f"API keys, line {number} ({name}): a hash of its own is needed, sha256: and 64 digits; `stockroom api-key` makes one"
            )
        if not scopes <= SCOPES.keys():
            raise KeysError(
                f"API keys, line {number} ({name}): no scope {', '.join(sorted(scopes - SCOPES.keys()))}; there are {', '.join(SCOPES)}"
            )
        if not rate:
            raise KeysError(f"API keys, line {number} ({name}): {words[3]!r} is no limit; write 600/min or unlimited")
        found[hashed[1]] = Key(name, hashed[1], scopes, int(rate[1] or 0), len(found))
    return found


class RateLimits:
    """One moment per key, in memory that all workers map: when the next request would be due if they came evenly.

    A request is let through while that moment is not more than the burst ahead of now (the generic cell rate algorithm): nothing
    to reset, no edge of a minute to double the limit at. The clock is the machine's, the same for all processes.
    """

    _SLOT = struct.Struct("d")

    def __init__(self, keys: int, shared: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        size = max(keys, 1) * self._SLOT.size
        self._file = None
        if shared is not None:
            self._file = (shared / "rate_limits").open("a+b")
            self._file.truncate(size)
        self._moments = mmap.mmap(self._file.fileno() if self._file else -1, size)
        self._clock = clock

    def wait(self, key: Key) -> float:
        """Seconds until the key may ask again; 0: it may now, and this request is counted."""
        if not key.per_minute:
            return 0.0
        place = key.slot * self._SLOT.size
        if self._file:
            fcntl.lockf(self._file, fcntl.LOCK_EX, self._SLOT.size, place)
        try:
            now, step = self._clock(), 60.0 / key.per_minute
            burst = max(BURST_SECONDS, step)
            due = max(self._SLOT.unpack_from(self._moments, place)[0], now)
            if due + step - now > burst + 1e-9:
                return due + step - now - burst
            self._SLOT.pack_into(self._moments, place, due + step)
            return 0.0
        finally:
            if self._file:
                fcntl.lockf(self._file, fcntl.LOCK_UN, self._SLOT.size, place)

    def close(self) -> None:
        self._moments.close()
        if self._file:
            self._file.close()
