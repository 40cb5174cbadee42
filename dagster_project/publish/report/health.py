"""Data health: what was read, refused and missing, and how large the tables are.

Belongs here: the data itself. Does not belong here: what it says.
"""

from __future__ import annotations

from dagster_project.publish.report.blocks import Column, Section, Table
from dagster_project.publish.report.formats import plural, written
from dagster_project.publish.report.reader import Reader

_REJECTS, _TABLES = 10, 12


def health(read: Reader) -> Section:
    """Sources, rejects, gaps, and the largest tables."""
    info = read.one("from run_info")
    gaps = read.rows("select input_name, input_kind, effect, remedy from rpt_data_gaps order by input_kind, input_name")
    lead = (
        f"{written(info['lines_read'], 'count')} lines of {plural(info['source_file_count'] or 0, 'file')} were read, "
        f"{written(info['lines_rejected'], 'count')} refused; {plural(len(gaps), 'input')} missing."
    )
    return Section("health", "Data health", lead, tables=[*_sources(read), *_rejects(read), *_gaps(gaps), *_tables(read)])


def _sources(read: Reader) -> list[Table]:
    rows = read.rows(
        """
        select file_kind, file_count, newest_file_at, lines_read, lines_rejected from run_sources
        where file_count > 0 order by lines_read desc, adapter, file_kind
        """
    )
    of = "run_sources."
    columns = [
        Column("Kind of file", of=of + "file_kind"),
        Column("Files", "count", of + "file_count"),
        Column("Newest, UTC", "moment", of + "newest_file_at"),
        Column("Lines read", "count", of + "lines_read"),
        Column("Refused", "count", of + "lines_rejected"),
    ]
    total = [
        "All",
        sum(row["file_count"] for row in rows),
        None,
        sum(row["lines_read"] for row in rows),
        sum(row["lines_rejected"] for row in rows),
    ]
    return [Table("What was read", columns, [list(row.values()) for row in rows], total)] if rows else []


def _rejects(read: Reader) -> list[Table]:
    rows = read.rows(
        f"""
        select source_file, column_name, split_part(reason, ';', 1) as said, count(*) as lines, min(line_number) as first_line
        from rejects group by all order by lines desc, source_file, column_name, said limit {_REJECTS}
        """
    )
    of = "rejects."
    columns = [
        Column("File", of=of + "source_file"),
        Column("Column", of=of + "column_name"),
        Column("Why", of=of + "reason", is_wide=True),
        Column("Lines", "count", of + "line_number"),
        Column("First in line", "count", of + "line_number"),
    ]
    return (
        [Table("Refused lines", columns, [list(row.values()) for row in rows], note="All of them: bi.rejects.")] if rows else []
    )


def _gaps(gaps: list[dict]) -> list[Table]:
    of = "rpt_data_gaps."
    columns = [
        Column("Missing", of=of + "input_name"),
        Column("Kind", of=of + "input_kind"),
        Column("What that changes", of=of + "effect", is_wide=True),
        Column("What to do", of=of + "remedy", is_wide=True),
    ]
    return [Table("What is not there", columns, [list(row.values()) for row in gaps])] if gaps else []


def _tables(read: Reader) -> list[Table]:
    rows = read.rows(
        f"select table_name, kind, grain, row_count from run_tables order by row_count desc, table_name limit {_TABLES}"
    )
    empty = read.rows("select table_name from run_tables where row_count = 0 order by table_name")
    columns = [
        Column("Table", of="run_tables.table_name"),
        Column("Kind", of="run_tables.kind"),
        Column("One row is", of="run_tables.grain", is_wide=True),
        Column("Rows", "count", "run_tables.row_count"),
    ]
    info = read.one("select table_count, row_count from run_info")
    note = f"{info['table_count']:,} tables in all."
    if empty:
        note += f" Empty: {', '.join(row['table_name'] for row in empty)}."
    total = ["All tables", None, None, info["row_count"]]
    return [Table("The largest published tables", columns, [list(row.values()) for row in rows], total, note)] if rows else []
