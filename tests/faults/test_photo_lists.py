"""Lists of inspection photos that are not as they should be: each line is kept, read or refused with its reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from dagster_project.intake import IntakeError, check_source


def written(tiny_source: Path, folder: Path, text: str) -> Path:
    shutil.copytree(tiny_source, folder, ignore=shutil.ignore_patterns("inspection_photos*", "truth"))
    (folder / "inspection_photos.csv").write_text(text, encoding="utf-8")
    return folder


def test_lines_that_cannot_be_read_are_refused_and_the_others_stand(tiny_source: Path, tmp_path: Path, stage) -> None:
    source = written(
        tiny_source,
        tmp_path / "source",
        "photo,inspected_at,item_id,inspected_units\n"
        "a.png,2016-12-01 08:15:00,7,2\n"
        "b.png,2016-12-01T08:15,7,\n"
        "c.png,01.12.2016,7,1\n"
        ",2016-12-01,7,1\n"
        "d.png,2016-12-01,seven,1\n"
        "e.png,2016-12-01,7,0\n"
        "f.png,2999-01-01,7,1\n"
        "g.png,,,\n",
    )
    with duckdb.connect(str(stage(source)), read_only=True) as warehouse:
        good = warehouse.sql(
            "select photo, inspected_date, item_id, inspected_units from staging.stg_inspection_photos"
        ).fetchall()
        rejects = warehouse.sql(
            "select line_number, column_name, reason from staging.rejects where file_kind = 'inspection_photos' order by 1"
        ).fetchall()
    assert [(row[0], str(row[1]), *row[2:]) for row in good] == [
        ("a.png", "2016-12-01", 7, 2),
        ("b.png", "2016-12-01", 7, None),
        ("g.png", "None", None, None),
    ]
    assert [(line, column) for line, column, _ in rejects] == [
        (4, "inspected_at"),
        (5, "photo"),
        (6, "item_id"),
        (7, "inspected_units"),
        (8, "inspected_at"),
    ]


def test_the_photo_alone_is_enough(tiny_source: Path, tmp_path: Path, stage) -> None:
    source = written(tiny_source, tmp_path / "source", "photo\na.png\n")
    with duckdb.connect(str(stage(source)), read_only=True) as warehouse:
        assert warehouse.sql("select photo, item_id, label from staging.stg_inspection_photos").fetchall() == [
            ("a.png", None, None)
        ]


def test_a_list_without_photos_stops_the_run_before_anything_is_written(tiny_source: Path, tmp_path: Path) -> None:
    source = written(tiny_source, tmp_path / "source", "picture,item_id\na.png,7\n")
    with pytest.raises(IntakeError, match=r"inspection_photos\.csv, line 1: no column photo"):
        check_source(source)
