"""Starts Superset over the published snapshot, on this machine only: prepares it at the first start, loads the bundle, serves.

Belongs here: what happens between `stockroom dashboard` and the page in the browser. Does not belong here: the bundle's content.
Runs in Superset's own environment; `stockroom dashboard` calls it.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import secrets
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
USER = "admin"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True, help="where Superset keeps what it knows")
    parser.add_argument("--snapshot", type=Path, required=True, help="the published DuckDB file")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of `stockroom publish --to superset`")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ.update(
        SUPERSET_CONFIG_PATH=str(HERE / "superset_config.py"),
        SUPERSET_HOME=str(given.home),
        STOCKROOM_SUPERSET_HOME=str(given.home),
        STOCKROOM_SNAPSHOT=str(given.snapshot),
        SCARF_ANALYTICS="false",
        DO_NOT_TRACK="1",
        FLASK_APP="superset",
    )
    secret(given.home / "secret_key", 42)
    password = secret(given.home / "admin_password", 12)
    stamp = given.home / "loaded"
    state = fingerprint(given.bundle)
    if not stamp.exists() or stamp.read_text() != state:
        is_first = not stamp.exists()
        print(f"Preparing Superset{', the first time: about a minute' if is_first else ''} …", flush=True)
        stamp.unlink(missing_ok=True)
        prepare(given.bundle, password)
        stamp.write_text(state)
    address = f"http://127.0.0.1:{given.port}/superset/dashboard/overview/"
    print(
        f"Open {address}\nUser {USER}, password {password} (kept in {given.home / 'admin_password'}). Stop with Ctrl+C.",
        flush=True,
    )
    server = Path(sys.executable).with_name("gunicorn")
    command = [
        server, "--bind", f"127.0.0.1:{given.port}", "--workers", "1", "--worker-class", "gthread", "--threads", "8",
        "--timeout", "120", "--log-level", "warning", "--no-control-socket", "superset.app:create_app()",
    ]  # fmt: skip
    os.execv(server, [str(part) for part in command])


def secret(path: Path, length: int) -> str:
    """A random text that only this user can read; the same at every start."""
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(length))
    return path.read_text()


def fingerprint(bundle: Path) -> str:
    """Of the bundle, the settings and Superset's version: what is loaded already is not loaded again."""
    digest = hashlib.sha256(version("apache-superset").encode())
    for path in [*sorted(bundle.rglob("*.yaml")), Path(__file__), HERE / "superset_config.py"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def prepare(bundle: Path, password: str) -> None:
    """Superset's own tables, rights and user, then the bundle, all in one process: each start of it takes seconds."""
    logging.disable(logging.WARNING)
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        from flask import g
        from flask_migrate import upgrade
        from superset import appbuilder, security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand

        upgrade(directory=app.extensions["migrate"].directory)
        logging.disable(logging.WARNING)  # alembic switches it on again
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        user = security_manager.find_user(USER)
        if user is None:
            user = security_manager.add_user(
                USER, "Stockroom", "Admin", "admin@localhost", security_manager.find_role("Admin"), password=password
            )
        g.user = user
        contents = {str(path.relative_to(bundle)): path.read_text(encoding="utf-8") for path in sorted(bundle.rglob("*.yaml"))}
        ImportAssetsCommand(contents).run()


if __name__ == "__main__":
    main()
