"""The call itself: same seed, same bytes; honest summary; clear errors; a label on the folder."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from dagster_project.demo import SIZES, DemoSize, generate


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_gives_the_same_bytes_and_another_seed_gives_others(tmp_path):
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        generate("tiny", seed, tmp_path / name)
    first, again, other = (digests(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert first.keys() == other.keys()
    same = {name for name in first if first[name] == other[name]}
    # a description of the columns, the public holidays, how to train: no number of this run in them
    assert same == {"truth/README.txt", "calendar.csv", "inspection_photos/training/settings.json"}


def test_a_second_run_into_the_same_folder_leaves_nothing_of_the_first(tmp_path):
    generate("tiny", 4, tmp_path / "used")
    generate("tiny", 3, tmp_path / "used")
    generate("tiny", 3, tmp_path / "fresh")
    assert digests(tmp_path / "used") == digests(tmp_path / "fresh")


def test_the_summary_counts_what_is_in_the_files(demo):
    summary = demo.summary
    assert summary.sales_lines == demo.sales().height
    assert summary.opening_lines == demo.opening().height
    assert summary.closing_lines == demo.closing().height
    assert summary.purchase_lines == demo.purchases().height
    assert summary.invoices == demo.csv("InvoicePurchases12312016.csv").height
    assert summary.price_list_lines == demo.csv("2017PurchasePricesDec.csv").height
    assert summary.sold_units == demo.sales()["units"].sum()
    assert summary.received_units == demo.receipts()["units"].sum()
    assert summary.demand_units == demo.truth("demand")["demand_units"].sum()
    assert summary.adjusted_units == demo.adjustments()["units"].sum()
    balance = summary.opening_units + summary.received_units - summary.sold_units
    assert balance + summary.adjusted_units - summary.shrinkage_units == summary.closing_units
    assert summary.optional_lines == {name: demo.optional(name).height for name in summary.optional_lines}


def test_progress_rises_from_nothing_to_all(tmp_path):
    calls: list[tuple[str, float]] = []
    generate("tiny", 1, tmp_path, lambda message, share: calls.append((message, share)))
    shares = [share for _, share in calls]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert all(message for message, _ in calls)


def test_both_folders_say_that_the_data_is_synthetic(small):
    for path in (small.folder / "README.txt", small.folder / "truth" / "README.txt"):
        assert path.read_text(encoding="utf-8").startswith("SYNTHETIC DATA")
    text = (small.folder / "README.txt").read_text()
    assert f"size 'small', seed {small.summary.seed}" in text


def test_the_sizes_are_those_promised():
    scale = {name: (size.stores, size.items, size.start, size.end) for name, size in SIZES.items()}
    assert scale == {
        "tiny": (2, 12, date(2016, 9, 3), date(2016, 12, 31)),
        "small": (4, 300, date(2016, 1, 1), date(2016, 12, 31)),
        "medium": (12, 1_000, date(2015, 1, 1), date(2016, 12, 31)),
        "full": (79, 10_000, date(2016, 1, 1), date(2016, 12, 31)),
    }


def test_a_size_of_ones_own_works(tmp_path):
    summary = generate(DemoSize("mine", 3, 20, 5, date(2020, 2, 1), 60, 0.8, 1.0), 1, tmp_path)
    assert (summary.stores, summary.end) == (3, date(2020, 3, 31))
    assert summary.sales_lines > 0


def test_errors_name_the_way_out(tmp_path):
    with pytest.raises(ValueError, match="choose one of tiny, small, medium, full"):
        generate("huge", 1, tmp_path)
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        generate("tiny", -1, tmp_path)
    with pytest.raises(ValueError, match="too small"):
        DemoSize("mine", 1, 12, 4, date(2020, 1, 1), 60, 1.0, 1.0)
