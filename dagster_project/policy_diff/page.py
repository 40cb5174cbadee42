"""A comparison as a page of headings, sentences and tables, for the terminal and as Markdown.

Belongs here: what is said and in which order. Does not belong here: numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dagster_project.policy_diff.compare import Comparison, Totals
from dagster_project.policy_diff.money import Outcome

VENDORS_SHOWN = 10
TABLES_SHOWN = 25


@dataclass
class Section:
    """A heading, sentences, and a table where there is one: its columns, then rows of text."""

    title: str
    sentences: list[str] = field(default_factory=list)
    columns: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)


def sections(found: Comparison) -> list[Section]:
    """The whole page."""
    page = [_models(found), _tables(found), _orders(found)]
    page += [_groups(found, "abc_class", "class"), _groups(found, "vendor_name", "vendor")]
    page += [_money(found), *_worst(found), _caveats(found)]
    return [section for section in page if section.sentences or section.rows]


def as_rich(found: Comparison) -> Group:
    parts: list[RenderableType] = []
    for section in sections(found):
        if section.rows:
            table = Table(title=section.title, title_justify="left")
            for k, name in enumerate(section.columns):
                table.add_column(name, justify="left" if k == 0 else "right", overflow="fold")
            for row in section.rows:
                table.add_row(*(escape(cell) for cell in row))
            parts.append(table)
        else:
            parts.append(Text(section.title, style="bold"))
        parts += [Text(sentence) for sentence in section.sentences]
        parts.append(Text())
    return Group(*parts)


def as_markdown(found: Comparison) -> str:
    lines = [f"# What {found.title} does to orders", ""]
    for section in sections(found):
        lines += [f"## {section.title}", ""]
        if section.rows:
            lines += [
                _line(section.columns),
                _line(["---", *["---:"] * (len(section.columns) - 1)]),
                *map(_line, section.rows),
                "",
            ]
        for sentence in section.sentences:
            lines += [_cell(sentence), ""]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _models(found: Comparison) -> Section:
    section = Section("Models changed", columns=("model", "what changed", "breaking"))
    section.rows = [(model.table, model.effect, "yes" if model.is_breaking else "no") for model in found.models]
    section.sentences.append(
        f"{len(found.models)} changed directly and {found.indirect} through them were built on both sides; "
        f"{found.untouched} others are read from the warehouse. Breaking: what existing columns hold may be different."
    )
    if found.recomputed:
        section.sentences += [
            f"Made again by Python where their input is not the warehouse's: {step} ({rows:,} rows)."
            for step, rows in found.recomputed.items()
        ]
    return section


def _tables(found: Comparison) -> Section:
    section = Section("Rows changed", columns=("table", "rows before", "rows after", "added", "dropped", "changed"))
    tables = sorted(found.tables, key=lambda t: (-(t.added + t.dropped + t.changed), t.table))
    section.rows = [
        (t.table, *(f"{n:,}" for n in (t.rows_before, t.rows_after, t.added, t.dropped, t.changed)))
        for t in tables[:TABLES_SHOWN]
    ]
    if not tables:
        section.sentences.append("No row of marts, recommendations or reports is different.")
    if len(tables) > TABLES_SHOWN:
        section.sentences.append(f"And {len(tables) - TABLES_SHOWN} more tables.")
    return section


def _orders(found: Comparison) -> Section:
    section = Section("Orders", columns=("", "before", "after", "change"))
    total = found.totals
    section.rows = [
        ("order lines", f"{total.lines_before:,}", f"{total.lines_after:,}", f"{total.lines_after - total.lines_before:+,}"),
        ("units", f"{total.units_before:,}", f"{total.units_after:,}", f"{total.units_after - total.units_before:+,}"),
        ("order value, USD", *_pair(total.usd_before, total.usd_after)),
        ("stock, open orders and these orders, USD", *_pair(total.position_usd_before, total.position_usd_after)),
    ]
    section.sentences.append(
        f"{total.added:,} orders added, {total.dropped:,} dropped, {total.more:,} larger, {total.less:,} smaller. All changes together: "
        f"{total.moved_usd:,.0f} USD, {found.order_change_pct:.1f} % of the orders before."
    )
    return section


def _groups(found: Comparison, column: str, name: str) -> Section:
    groups = [
        (key, total)
        for key, total in found.by(column)
        if total.moved_usd or total.added or total.dropped or total.more or total.less
    ]
    columns = (name, "added", "dropped", "larger", "smaller", "units", "USD before", "USD after", "change")
    section = Section(f"Orders by {name}", columns=columns)
    shown = groups if column == "abc_class" else sorted(groups, key=lambda g: -g[1].moved_usd)[:VENDORS_SHOWN]
    section.rows = [(key, *_group_cells(total)) for key, total in shown]
    if len(groups) > len(shown):
        section.sentences.append(f"And {len(groups) - len(shown)} more with smaller changes.")
    return section


def _group_cells(total: Totals) -> tuple[str, ...]:
    return (
        *(f"{n:,}" for n in (total.added, total.dropped, total.more, total.less)),
        f"{total.units_after - total.units_before:+,}",
        *_pair(total.usd_before, total.usd_after),
    )


def _money(found: Comparison) -> Section:
    section = Section("Money and service", columns=("", "before", "after", "change"))
    if found.expected:
        e = found.expected
        section.rows += _outcome_rows("expected", e.before, e.after, "a year")
        section.sentences.append(
            f"Expected: {e.series:,} items in stores whose levels (reorder point, level filled up to, batch) are kept to in the long run, both sides by the demand and the costs the base believes in"
            + (f"; {e.left_out:,} without a level or a cost left out." if e.left_out else ".")
        )
    if found.replayed:
        r = found.replayed
        section.rows += _outcome_rows("replayed", r.before, r.after, f"in {r.weeks} weeks")
        section.sentences.append(
            f"Replayed: {r.series:,} of {r.sampled_from:,} items in stores (the same sample on both sides), {r.weeks} weeks of history, "
            "the base's costs. " + (f"{r.left_out:,} follow a policy that the replay does not know. " if r.left_out else "")
        )
    if found.replay_note:
        section.sentences.append(found.replay_note)
    return section


def _outcome_rows(name: str, before: Outcome, after: Outcome, per: str) -> list[Sequence[str]]:
    return [
        (f"{name} average stock, USD", *_pair(before.stock_usd, after.stock_usd)),
        (
            f"{name} fill rate",
            f"{before.fill_rate:.2%}",
            f"{after.fill_rate:.2%}",
            f"{100 * (after.fill_rate - before.fill_rate):+.2f} points",
        ),
        (f"{name} cost {per}, USD", *_pair(before.total_usd, after.total_usd)),
        ("  of it holding", *_pair(before.holding_usd, after.holding_usd)),
        ("  of it ordering", *_pair(before.ordering_usd, after.ordering_usd)),
        ("  of it lost margin", *_pair(before.lost_margin_usd, after.lost_margin_usd)),
    ]


def _worst(found: Comparison) -> list[Section]:
    page = []
    if found.worst:
        section = Section(
            "Largest changes of orders", columns=("item, store", "name", "vendor", "units before", "units after", "USD")
        )
        for row, _ in found.worst:
            section.rows.append(
                (
                    f"{row['item_id']} {row['location_id']}",
                    row["item_name"] or "",
                    row["vendor_name"],
                    f"{row['units_before']:,}",
                    f"{row['units_after']:,}",
                    f"{row['usd_after'] - row['usd_before']:+,.0f}",
                )
            )
        page.append(section)
    for row, terms in found.worst:
        section = Section(
            f"Why {row['units_before']:,} became {row['units_after']:,}: item {row['item_id']}, store {row['location_id']}",
            columns=("term, units", "before", "after", "change"),
        )
        section.rows = [(term["term"], *_terms(term)) for term in terms.iter_rows(named=True)]
        if row["reason_before"] != row["reason_after"]:
            section.sentences.append(f"Reason before: {row['reason_before']}. After: {row['reason_after']}.")
        page.append(section)
    return page


def _terms(term: dict) -> tuple[str, str, str]:
    before, after = term["units_before"], term["units_after"]
    change = (after or 0) - (before or 0)
    return (
        "" if before is None else f"{before:+,.2f}",
        "" if after is None else f"{after:+,.2f}",
        f"{change:+,.2f}" if abs(change) >= 0.005 else "",
    )


def _caveats(found: Comparison) -> Section:
    return Section("What this does not show", list(found.notes))


def _pair(before: float, after: float) -> tuple[str, str, str]:
    change = after - before
    share = f" ({100 * change / before:+.1f} %)" if before and abs(change) >= 0.5 else ""
    return f"{before:,.0f}", f"{after:,.0f}", f"{change:+,.0f}{share}"
