"""Files in an inbox: when one is complete, and that taking it loses nothing."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from dagster_project.inbox import look, take_files

NOW = 1_000_000.0
MOMENT = datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, text: str = "x", age_seconds: float = 600) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (NOW - age_seconds, NOW - age_seconds))
    return path


def test_a_file_is_complete_when_two_looks_see_the_same_and_it_is_a_minute_old(inbox: Path) -> None:
    put(inbox, "sales.csv", age_seconds=600)
    first = look(inbox, {}, NOW)
    assert first.complete == []
    assert look(inbox, first.seen, NOW).complete == ["sales.csv"]


def test_a_file_that_grows_or_is_fresh_waits(inbox: Path) -> None:
    put(inbox, "fresh.csv", age_seconds=30)
    put(inbox, "grows.csv", "a")
    first = look(inbox, {}, NOW)
    put(inbox, "grows.csv", "ab")
    assert look(inbox, first.seen, NOW).complete == []


def test_a_marker_says_that_a_file_is_complete_at_once(inbox: Path) -> None:
    put(inbox, "inspection_photos/a.jpg", age_seconds=0)
    put(inbox, "inspection_photos/a.jpg.done", "")
    assert look(inbox, {}, NOW).complete == ["inspection_photos/a.jpg"]


@pytest.mark.parametrize("name", ["sales.csv.part", "sales.csv.tmp", ".sales.csv", ".replaced/sales.csv"])
def test_what_is_not_meant_to_be_taken_is_not_seen(inbox: Path, name: str) -> None:
    put(inbox, name)
    assert look(inbox, {}, NOW).seen == {}


def test_an_inbox_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert look(tmp_path / "nowhere", {}).complete == []


def test_what_is_replaced_is_kept(inbox: Path, tmp_path: Path) -> None:
    source = tmp_path / "raw"
    put(source, "notes.csv", "old")
    put(inbox, "notes.csv", "new")
    put(inbox, "notes.csv.done", "")
    assert take_files(inbox, source, ["notes.csv"], MOMENT) == ["notes.csv is taken from the inbox"]
    assert (source / "notes.csv").read_text() == "new"
    assert (inbox / ".replaced" / "20260102T030405" / "notes.csv").read_text() == "old"
    assert [path.name for path in inbox.iterdir()] == [".replaced"]


def test_a_file_with_a_bad_header_is_refused_with_the_reason_and_the_old_one_stays(inbox: Path, tmp_path: Path) -> None:
    source = tmp_path / "raw"
    put(source, "SalesFINAL12312016.csv", "old")
    put(inbox, "SalesFINAL12312016.csv", "Store,Brand\n1,2\n")
    said = take_files(inbox, source, ["SalesFINAL12312016.csv"], MOMENT)
    assert "is refused" in said[0]
    assert (source / "SalesFINAL12312016.csv").read_text() == "old"
    refused = inbox / ".refused" / "20260102T030405"
    assert (refused / "SalesFINAL12312016.csv").read_text() == "Store,Brand\n1,2\n"
    assert "no column" in (refused / "SalesFINAL12312016.csv.txt").read_text()


def test_taking_again_what_was_taken_changes_nothing(inbox: Path, tmp_path: Path) -> None:
    put(inbox, "notes.csv", "new")
    names = ["notes.csv", "../outside.csv", "/etc/hostname"]
    take_files(inbox, tmp_path / "raw", names, MOMENT)
    assert take_files(inbox, tmp_path / "raw", names, MOMENT) == []
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["notes.csv"]
