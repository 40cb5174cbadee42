"""The inbox: a folder into which others put files, and from which a run takes those that are complete.

Belongs here: which files are complete, and moving them into the source folder. Does not belong here: Dagster, what is in them.

A file is complete when NAME.done lies beside it, or when its size and its moment of change were the same at the last look and the
change is a minute old. Names that begin with a dot or end with .part, .tmp, .partial, .filepart or .crdownload are never taken.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.intake import file_problems

MARKER = ".done"
QUIET_SECONDS = 60
_UNFINISHED = (".part", ".tmp", ".partial", ".filepart", ".crdownload")
REPLACED, REFUSED = ".replaced", ".refused"

Seen = dict[str, list[int]]


@dataclass(frozen=True)
class Look:
    """What one look found: names of complete files, and size and moment (ns) of every file, for the next look."""

    complete: list[str]
    seen: Seen


def look(inbox: Path, before: Mapping[str, Sequence[int]], now: float | None = None) -> Look:
    """Look at the inbox; `before` is what the look before saw. An inbox that is not there is empty."""
    now = time.time() if now is None else now
    seen: Seen = {}
    complete = []
    for path in sorted(inbox.rglob("*")):
        name = path.relative_to(inbox)
        if path.name.endswith((MARKER, *_UNFINISHED)) or any(part.startswith(".") for part in name.parts):
            continue
        try:
            stat = path.stat()
        except OSError:  # gone since
            continue
        if not path.is_file():
            continue
        state = [stat.st_size, stat.st_mtime_ns]
        seen[name.as_posix()] = state
        is_marked = path.with_name(path.name + MARKER).exists()
        is_quiet = list(before.get(name.as_posix(), ())) == state and now - stat.st_mtime >= QUIET_SECONDS
        if is_marked or is_quiet:
            complete.append(name.as_posix())
    return Look(complete, seen)


def take_files(inbox: Path, source_dir: Path, names: Sequence[str], now: datetime | None = None) -> list[str]:
    """Move files from the inbox into the source folder, each at once. Returns what was done, a sentence per file.

    What they replace is kept in .replaced; a file whose header is not usable goes to .refused with the reason beside it, and the old
    one stays. Names that are not there any more were taken by an earlier attempt.
    """
    moment = f"{(now or datetime.now(UTC)):%Y%m%dT%H%M%S}"
    said = []
    for name in names:
        path = inbox / name
        if ".." in Path(name).parts or Path(name).is_absolute() or not path.is_file():
            continue
        problems = file_problems(path)
        if problems:
            refused = inbox / REFUSED / moment / name
            _move(path, refused)
            refused.with_name(refused.name + ".txt").write_text("\n".join(problems) + "\n")
            said.append(f"{name} is refused and lies in {refused.parent}: {'; '.join(problems)}")
        else:
            target = source_dir / name
            if target.exists():
                _copy(target, inbox / REPLACED / moment / name)
            _move(path, target)
            said.append(f"{name} is taken from the inbox")
        path.with_name(path.name + MARKER).unlink(missing_ok=True)
    return said


def _copy(path: Path, target: Path) -> None:
    """A copy beside the target first, then its name: nobody sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy2(path, unfinished)
    unfinished.replace(target)


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.replace(target)
    except OSError:  # another file system
        _copy(path, target)
        path.unlink()
