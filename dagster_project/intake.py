"""The look at the raw files before anything is read or written.

Belongs here: finding the files of a source folder and checking their names and headers against the declaration in dbt's
source YAML. Does not belong here: reading their rows, which staging SQL does, and rejecting lines.
"""

from __future__ import annotations

import codecs
import csv
import fnmatch
import glob
import io
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from dagster_project.inspecting import settings_problems
from dagster_project.settings import DBT_PROJECT_DIR

STAGING_DIR = DBT_PROJECT_DIR / "models" / "staging"
OPTIONAL = "optional"  # the adapter whose files any source folder may hold beside those of its own
_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where PyYAML has it, is ten times as fast
_LOOK_BYTES = 2**20  # enough for the header, and for a first accent that is not UTF-8; takes a millisecond


class IntakeError(Exception):
    """The source folder cannot be used. `problems` says, one line each, which file, which column and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class RawTable:
    """One kind of raw file, as declared: its adapter, its names, whether it must be there, and its columns."""

    adapter: str
    name: str
    file_patterns: tuple[str, ...]
    is_required: bool
    one_of: str | None
    absence: str | None
    required_columns: tuple[str, ...]
    delimiter: str = ","
    encoding: str = "utf-8"

    @property
    def key(self) -> tuple[str, str]:
        """Adapter and name: what the table is called as a dbt source and as an asset."""
        return self.adapter, self.name


@dataclass(frozen=True)
class Intake:
    """What a source folder holds: its adapter, files per kind of raw table, and what the absence of optional ones changes."""

    adapter: str
    files: dict[tuple[str, str], list[Path]]
    absences: dict[str, str] = field(default_factory=dict)


def declared_tables(staging_dir: Path = STAGING_DIR) -> list[RawTable]:
    """The raw tables of all adapters, declared in the source YAML of every folder of staging that reads files."""
    tables = []
    for sources_yaml in sorted(staging_dir.glob("*/_*__sources.yml")):
        for source in yaml.load(sources_yaml.read_text(), _YAML)["sources"]:
            for table in source["tables"]:
                meta = table["config"]["meta"]
                if "file_patterns" not in meta:  # written by Python, not read from a file
                    continue
                tables.append(
                    RawTable(
                        adapter=source["name"],
                        name=table["name"],
                        file_patterns=tuple(meta["file_patterns"]),
                        is_required=meta["is_required"],
                        one_of=meta.get("one_of"),
                        absence=meta.get("absence"),
                        required_columns=tuple(
                            column["name"] for column in table["columns"] if not column["config"]["meta"].get("is_optional")
                        ),
                        delimiter=meta.get("delimiter", ","),
                        encoding=meta.get("encoding", "utf-8"),
                    )
                )
    return tables


def country_of(adapter: str, staging_dir: Path = STAGING_DIR) -> str:
    """The country (ISO 3166 code) whose public holidays an adapter's data keeps, as its source YAML declares it."""
    source = yaml.load((staging_dir / adapter / f"_{adapter}__sources.yml").read_text(), _YAML)["sources"][0]
    return source["config"]["meta"]["country"]


def check_source(source_dir: Path, tables: list[RawTable] | None = None) -> Intake:
    """Find the raw files in `source_dir`, which adapter they belong to, and check their headers.

    Raises IntakeError with every problem found: a missing folder, required file or column, files of two adapters, an empty
    file, a file that is not delimited UTF-8 text. Reads the start of each file only, so it takes milliseconds whatever the size.
    """
    tables = declared_tables() if tables is None else tables
    if not source_dir.is_dir():
        raise IntakeError([f"{source_dir}: no such folder. Name the folder that holds your files: stockroom run --source DIR."])
    files = {
        table.key: sorted(
            {Path(p) for pattern in table.file_patterns for p in glob.glob(f"{glob.escape(str(source_dir))}/{pattern}")}
        )
        for table in tables
    }
    adapter = _adapter(source_dir, tables, files)
    own = [table for table in tables if table.adapter in (adapter, OPTIONAL)]
    problems = [*_absent_files(source_dir, own, files)]
    for table in own:
        if len({path.suffix for path in files[table.key]}) > 1:
            names = ", ".join(path.name for path in files[table.key])
            problems.append(
                f"{source_dir}: {table.name} is there as CSV and as Parquet ({names}); both would be counted. Keep one."
            )
        for path in files[table.key]:
            problems += _header_problems(path, table)
    problems += settings_problems(source_dir)
    if problems:
        raise IntakeError(problems)
    absences = {table.name: table.absence or "" for table in own if not files[table.key]}
    return Intake(adapter, files, absences)


def _adapter(source_dir: Path, tables: list[RawTable], files: dict[tuple[str, str], list[Path]]) -> str:
    """The one adapter whose files are there; an error where there is none, or more than one."""
    found = sorted({table.adapter for table in tables if files[table.key]} - {OPTIONAL})
    if len(found) == 1:
        return found[0]
    if found:
        names = "; ".join(f"{name}: {', '.join(p.name for key in files if key[0] == name for p in files[key])}" for name in found)
        raise IntakeError([f"{source_dir}: files of {len(found)} kinds of source ({names}). Put each into a folder of its own."])
    has_required = {table.adapter for table in tables if table.is_required}
    wanted = [
        f"{table.adapter}: {' or '.join(table.file_patterns)}"
        for table in tables
        if table.is_required or (table.one_of and table.adapter not in has_required)
    ]
    raise IntakeError(
        [
            f"{source_dir}: no file of a known source. One of these is where to start:",
            *wanted,
            "For files of another shape write an adapter, in under an hour: docs/adding-a-source.md.",
        ]
    )


def _absent_files(source_dir: Path, tables: list[RawTable], files: dict[tuple[str, str], list[Path]]) -> list[str]:
    problems = []
    alternatives: dict[str, list[RawTable]] = {}
    for table in tables:
        if table.is_required and not files[table.key]:
            problems.append(f"{source_dir}: no {table.name} file. Put one named {' or '.join(table.file_patterns)} there.")
        if table.one_of:
            alternatives.setdefault(table.one_of, []).append(table)
    for label, group in alternatives.items():
        if not any(files[table.key] for table in group):
            patterns = " or ".join(pattern for table in group for pattern in table.file_patterns)
            problems.append(f"{source_dir}: no {label}. Put at least one of {patterns} there.")
    return problems


def _header_problems(path: Path, table: RawTable) -> list[str]:
    try:
        header = _header(path, table.delimiter, table.encoding)
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        return [
            f"{path.name}, line {line}: not UTF-8 text. Save the file as UTF-8 (in Excel: 'CSV UTF-8'), "
            "or declare its encoding in the source's YAML."
        ]
    except csv.Error as error:
        return [f"{path.name}, line 1: not a header of names ({error}). Look for a quote that is never closed."]
    except (OSError, pa.ArrowException) as error:
        return [f"{path.name}: cannot be read ({error}). Check the file and its permissions."]
    if not header:
        return [f"{path.name}: empty. It needs a header line with {', '.join(table.required_columns)}."]
    if any("\n" in name for name in header):
        return [f"{path.name}, line 1: a quote in the header is never closed. Close it or take it away."]
    if len(header) == 1 and any(mark in header[0] for mark in ",;\t|"):
        return [
            f"{path.name}, line 1: separated by something else than {_MARKS.get(table.delimiter, table.delimiter)} "
            f"({header[0][:60]!r}). Save it so, or declare its delimiter in the source's YAML."
        ]
    found = {name.lower() for name in header}
    repeated = sorted({name for name in header if name and [h.lower() for h in header].count(name.lower()) > 1})
    problems = [f"{path.name}, line 1: column {name} appears more than once. Keep one." for name in repeated]
    return problems + [
        f"{path.name}, line 1: no column {name}. Add it or rename the column that holds it; found {', '.join(header)}."
        for name in table.required_columns
        if name.lower() not in found
    ]


def file_problems(path: Path, tables: list[RawTable] | None = None) -> list[str]:
    """What is wrong with the header of a file that is not yet in a source folder; nothing for a name that no source knows."""
    tables = declared_tables() if tables is None else tables
    kinds = [table for table in tables if any(fnmatch.fnmatch(path.name, pattern) for pattern in table.file_patterns)]
    found = [_header_problems(path, table) for table in kinds]
    return min(found, key=len) if found else []  # one name may belong to several sources: it must suit one of them


def header_of(path: Path, table: RawTable) -> list[str]:
    """The names in the first line of a file of this kind, or of a Parquet file's columns."""
    return _header(path, table.delimiter, table.encoding)


def _header(path: Path, delimiter: str, encoding: str) -> list[str]:
    if path.suffix == ".parquet":
        return pq.read_schema(path).names
    with path.open("rb") as file:
        start = file.read(_LOOK_BYTES)
    # incremental: the look may end in the middle of a character
    text = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)().decode(start)
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
