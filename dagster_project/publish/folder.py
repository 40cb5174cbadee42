"""A folder of published files that is switched in at once.

Belongs here: writing beside the old one and switching. Does not belong here: what is in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dagster_project.publish.errors import UNCHANGED, PublishError


@contextlib.contextmanager
def new_folder(home: Path, name: str) -> Iterator[Path]:
    """An empty folder to write to; at the end `home/name` points to it, on an error nothing has changed.

    `home/name` is a link into `home/.NAME`, where the folder before is kept for who still reads it. What a killed run left goes.
    """
    store = home / f".{name}"
    link = home / name
    try:
        store.mkdir(parents=True, exist_ok=True)
        with (store / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PublishError([f"{link}: somebody else is publishing there"], f"Wait for its end. {UNCHANGED}") from None
            if link.exists() and not link.is_symlink():
                raise PublishError([f"{link} is in the way: it was not made by publishing"], f"Move it away. {UNCHANGED}")
            before = Path(os.readlink(link)).name if link.is_symlink() else ""
            for path in store.iterdir():
                if path.is_dir() and path.name != before:
                    shutil.rmtree(path)
            number = int(before) + 1 if before.isdigit() else 1
            folder = store / str(number)
            folder.mkdir()
            try:
                yield folder
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            pointer = home / f".new_{name}"
            pointer.unlink(missing_ok=True)
            pointer.symlink_to(Path(store.name) / str(number))
            pointer.replace(link)
    except OSError as error:
        raise PublishError([f"{home} cannot be written: {error}"], f"{UNCHANGED} Make room or allow writing there.") from None
