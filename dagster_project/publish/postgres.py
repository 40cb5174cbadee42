"""PostgreSQL: connections, what its errors mean for a person, and how its names and types are written.

Belongs here: reaching the server. Does not belong here: what is written there.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagster_project.publish.errors import UNCHANGED, PublishError

if TYPE_CHECKING:
    import psycopg

URL_VARIABLE = "STOCKROOM_POSTGRES_URL"
CONNECT_SECONDS = 10
LOCK_SECONDS = 5
ATTEMPTS = 3
_TYPES = {"integer": "integer", "bigint": "bigint", "double": "double precision", "varchar": "text", "date": "date"}
_TYPES |= {"timestamp": "timestamp", "boolean": "boolean"}


def check_drivers() -> None:
    """The drivers are an extra: who needs no PostgreSQL need not have them."""
    try:
        import adbc_driver_postgresql  # noqa: F401
        import psycopg  # noqa: F401
    except ImportError as error:
        raise PublishError(
            [f"PostgreSQL needs a package that is not installed ({error.name})"],
            "Install it: pip install 'psycopg[binary]' adbc-driver-postgresql",
        ) from None


def checked_url(url: str) -> str:
    """The address of the database, or what to do without one."""
    check_drivers()
    if not url:
        raise PublishError(
            [f"{URL_VARIABLE} is not set"], f"Name the database: {URL_VARIABLE}=postgresql://user:password@host:5432/database"
        )
    return url


@contextlib.contextmanager
def connected(url: str, autocommit: bool = True) -> Iterator[psycopg.Connection]:
    """A connection; what goes wrong in it becomes a message."""
    import psycopg

    with translated(url), psycopg.connect(url, autocommit=autocommit, connect_timeout=CONNECT_SECONDS) as connection:
        connection.execute(f"set lock_timeout = '{LOCK_SECONDS}s'; set client_min_messages = warning")
        yield connection


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Errors of both drivers as messages, without the password."""
    import adbc_driver_postgresql.dbapi as adbc
    import psycopg

    try:
        yield
    except (psycopg.Error, adbc.Error) as error:
        raise translate(error, url) from None


def translate(error: Exception, url: str) -> PublishError:
    """What an error of the server means and what to do about it."""
    where = address(url)
    state = getattr(error, "sqlstate", None) or ""
    # the first line that says anything; ADBC puts its own words before it
    text = re.sub(r"^(IO|INTERNAL|INVALID_\w+|UNAUTHORIZED|UNKNOWN|ALREADY_EXISTS|CANCELLED): *", "", str(error).strip())
    text = text.replace("[libpq] ", "")
    password = _password(url)
    if password:
        text = text.replace(password, "…")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = "; ".join(line for line in lines[:2]) or type(error).__name__
    if re.search(r"password authentication failed|no password supplied|role \".*\" does not exist|28P01|28000", text + state):
        return PublishError([f"{where} refuses the user or the password: {said}"], f"{UNCHANGED} Check {URL_VARIABLE}.")
    if re.search(r"database \".*\" does not exist", text):
        return PublishError([f"{where}: {said}"], f"{UNCHANGED} Create the database, or check {URL_VARIABLE}.")
    if state == "55P03" or "lock timeout" in text:
        return PublishError([f"{where}: somebody holds a lock on a table ({said})"], f"{UNCHANGED} Try again when they are done.")
    if state == "42501" or "permission denied" in text or "must be owner" in text:
        return PublishError(
            [f"{where}: the user may not do this: {said}"],
            f"{UNCHANGED} As administrator: {administrator_sql(url)}",
        )
    if state in ("53100", "53200") or "No space left" in text:
        return PublishError([f"{where}: the server has no room: {said}"], UNCHANGED)
    if not state or state.startswith(("08", "57")):
        return PublishError(
            [f"{where} does not answer, or broke off: {said}"], f"{UNCHANGED} Is the server running? Check {URL_VARIABLE}."
        )
    return PublishError([f"{where}: {said}"], UNCHANGED)


def administrator_sql(url: str) -> str:
    """What an administrator runs so that the user of the URL may publish."""
    parts = _parts(url)
    user, database = quoted(parts.get("user") or "PUBLISHER"), quoted(parts.get("dbname") or "DATABASE")
    return f"grant create on database {database} to {user}; alter role {user} createrole;"


def address(url: str) -> str:
    """Where it is, as people say it; never the password."""
    parts = _parts(url)
    host, port, database = parts.get("host") or "localhost", parts.get("port") or "5432", parts.get("dbname") or "?"
    return f"PostgreSQL at {host}:{port}, database {database}"


def _parts(url: str) -> dict[str, str]:
    import psycopg

    try:
        return {name: str(value) for name, value in psycopg.conninfo.conninfo_to_dict(url).items() if value}
    except psycopg.Error:
        return {}


def _password(url: str) -> str:
    return _parts(url).get("password", "")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    text = value.replace("'", "''")
    return f"E'{text.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{text}'"


def postgres_type(duckdb_type: str) -> str:
    """decimal(18, 2) -> numeric(18,2): the precision is kept."""
    decimal = re.fullmatch(r"decimal\((\d+), (\d+)\)", duckdb_type)
    return f"numeric({decimal[1]},{decimal[2]})" if decimal else _TYPES[duckdb_type]
