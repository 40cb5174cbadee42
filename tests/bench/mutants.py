"""Would a wrong formula be noticed? Changes one operator or constant of a model's SQL at a time and asks its dbt unit tests.

Belongs here: making mutants, asking the tests, the table of what survived. Does not belong here: the tests themselves (YAML beside
the models). Only unit tests are asked: data tests and the golden pipeline would find more, so the rate is a lower bound.

    python tests/bench/mutants.py                       marts and recommendations, some minutes; needs a warehouse that was run
    python tests/bench/mutants.py --model rec_why -v    one model, every survivor with its line

dbt compiles each unit test into one query: the model's SQL over the given rows, and the expected rows. A mutant changes the model's part
of that query and DuckDB runs it, so that thousands of mutants take minutes instead of a dbt start each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.tokens import Token, TokenType

from dagster_project.settings import DBT_PROJECT_DIR, PROJECT_ROOT

LAYERS = ("marts", "recommendations")
AIM = 0.85
SWAPS = {
    TokenType.PLUS: "-", TokenType.DASH: "+", TokenType.STAR: "/", TokenType.SLASH: "*", TokenType.LT: "<=", TokenType.LTE: "<",
    TokenType.GT: ">=", TokenType.GTE: ">", TokenType.EQ: "<>", TokenType.NEQ: "=", TokenType.AND: "or", TokenType.OR: "and",
}  # fmt: skip
NAMES = {"least": "greatest", "greatest": "least", "min": "max", "max": "min"}
# what may stand before an operator with two sides
OPERANDS = {TokenType.R_PAREN, TokenType.NUMBER, TokenType.STRING, TokenType.VAR, TokenType.IDENTIFIER, TokenType.END}
console = Console(width=130)


@dataclass(frozen=True)
class UnitTest:
    """One compiled unit test: `head` + the model's own SQL in `parts` (fixtures lie between them) + `tail`."""

    name: str
    sql: str
    parts: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Mutant:
    """The model's token `number` written as `text` instead of `was`; `near` is the line it stands in."""

    number: int
    was: str
    text: str
    near: str


def tokens_of(sql: str) -> list[Token]:
    return DuckDB().tokenize(sql)


def unit_test(name: str, sql: str) -> UnitTest:
    """Where in the query the model's own text stands: inside the actual rows' brackets, without the fixtures."""
    tokens = tokens_of(sql)
    closing = _closing(tokens)
    words = [token.text.lower() for token in tokens]
    start = words.index("from", words.index("actual_or_expected")) + 1
    end = closing[start]
    parts, at, begin = [], start + 1, start + 1
    while at < end:
        if words[at].startswith("__dbt__cte__") and words[at + 1 : at + 3] == ["as", "("]:
            parts.append((begin, at))
            begin = at = closing[at + 2] + 1
        else:
            at += 1
    parts.append((begin, end))
    return UnitTest(name, sql, tuple((a, b) for a, b in parts if b > a))


def _closing(tokens: list[Token]) -> dict[int, int]:
    """The closing bracket of each opening one, by number."""
    opened, found = [], {}
    for number, token in enumerate(tokens):
        if token.token_type == TokenType.L_PAREN:
            opened.append(number)
        elif token.token_type == TokenType.R_PAREN:
            found[opened.pop()] = number
    return found


def mutants(tokens: list[Token], sql: str) -> Iterator[Mutant]:
    """Every single change worth asking about, of the tokens of a model's own SQL."""
    between = 0
    for number, token in enumerate(tokens):
        kind, text = token.token_type, token.text
        before = tokens[number - 1] if number else token
        after = tokens[number + 1] if number + 1 < len(tokens) else token
        near = sql[sql.rfind("\n", 0, token.start) + 1 : max(sql.find("\n", token.end), token.end + 1)].strip()
        if kind == TokenType.BETWEEN:
            between += 1
        elif kind == TokenType.AND and between:
            between -= 1  # the word that belongs to between
        elif kind in SWAPS:
            has_sides = before.token_type in OPERANDS or (before.text.lower() not in _KEYWORDS and before.text[-1:].isalnum())
            is_all_columns = kind == TokenType.STAR and after.text.lower() in (")", ",", "from", "exclude", "replace")
            if has_sides and not is_all_columns:
                yield Mutant(number, text, SWAPS[kind], near)
        elif kind == TokenType.NUMBER and not _is_of_type(tokens, number):
            yield Mutant(number, text, str(float(text) + 1) if not text.isdigit() else str(int(text) + 1), near)
        elif text.lower() in NAMES and after.token_type == TokenType.L_PAREN:
            yield Mutant(number, text, NAMES[text.lower()], near)


_KEYWORDS = {
    "select",
    "distinct",
    "then",
    "else",
    "when",
    "and",
    "or",
    "not",
    "by",
    "return",
    "in",
    "on",
    "where",
    "having",
    "case",
    ",",
    "(",
}


def _is_of_type(tokens: list[Token], number: int) -> bool:
    """The digits of decimal(18, 2): a type, no constant of a formula."""
    return any(token.text.lower() in ("decimal", "numeric") for token in tokens[max(0, number - 4) : number])


def changed(test: UnitTest, mutant: Mutant | None) -> str:
    """The test's query with the mutant in the model's part."""
    if mutant is None:
        return test.sql
    tokens = tokens_of(test.sql)
    own = [tokens[at] for a, b in test.parts for at in range(a, b)]
    token = own[mutant.number]
    return test.sql[: token.start] + mutant.text + test.sql[token.end + 1 :]


def passes(connection: duckdb.DuckDBPyConnection, sql: str) -> bool | None:
    """Whether actual and expected rows are the same; None where DuckDB does not accept the query, False where it stops half-way."""
    try:
        relation = connection.sql(sql)
        if relation is None:
            return None
        rows = relation.fetchall()
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException):
        return None
    except duckdb.Error:
        return False
    sides: dict[str, Counter] = {"actual": Counter(), "expected": Counter()}
    for *values, side in rows:
        sides[side][tuple(f"{value:.12g}" if isinstance(value, float) else str(value) for value in values)] += 1
    return sides["actual"] == sides["expected"]


def judge(model: str, tests: list[UnitTest], model_sql: str) -> tuple[str, int, list[Mutant], list[str]]:
    """Mutants asked about and those that survived every test; and tests that cannot be judged here. In a process of its own."""
    connection = duckdb.connect(config={"threads": 1})
    odd = [test.name for test in tests if passes(connection, test.sql) is not True]
    tests = [test for test in tests if test.name not in odd]
    if tests:
        tokens = tokens_of(tests[0].sql)
        found = list(mutants([tokens[at] for a, b in tests[0].parts for at in range(a, b)], tests[0].sql))
    else:
        found = list(mutants(tokens_of(model_sql), model_sql))
    survivors, asked = [], 0
    for mutant in found:
        verdicts = []
        for test in tests:
            verdicts.append(passes(connection, changed(test, mutant)))
            if verdicts[-1] is False:
                break
        if None in verdicts:
            continue  # no SQL: nobody could have written it
        asked += 1
        if False not in verdicts:
            survivors.append(mutant)
    return model, asked, survivors, odd


def compile_tests(warehouse: Path, home: Path, models: list[str]) -> Path:
    """dbt's own run of all unit tests on a copy of the warehouse; returns the folder with the queries."""
    copy = home / "stockroom.duckdb"
    shutil.copy(warehouse, copy)
    env = {**os.environ, "STOCKROOM_WAREHOUSE": str(copy), "DBT_TARGET_PATH": str(home / "target")}
    selection = ["--select", *(f"{model},test_type:unit" for model in models)]
    stockroom = str(Path(sys.executable).with_name("stockroom"))
    result = subprocess.run([stockroom, "dbt", "test", *selection], env=env, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"the unit tests do not pass as they are:\n{result.stdout[-2000:]}")
    compiled = subprocess.run(
        [stockroom, "dbt", "compile", "--select", *models],
        env=env,
        capture_output=True,
        check=False,
    )
    if compiled.returncode:
        raise SystemExit(compiled.stdout.decode()[-2000:])
    return home / "target"


def main(
    warehouse: Annotated[Path, typer.Option(help="A warehouse that was run: unit tests need its tables.")] = PROJECT_ROOT
    / "data/warehouse/stockroom.duckdb",
    model: Annotated[str | None, typer.Option(help="One model only.")] = None,
    verbose: Annotated[bool, typer.Option("-v", help="Every survivor with its line.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the table to this file too.")] = None,
    processes: Annotated[int, typer.Option(help="At once.")] = 2,
) -> None:
    if not warehouse.exists():
        raise SystemExit(f"{warehouse}: no warehouse yet. Next: make run")
    with tempfile.TemporaryDirectory() as folder:
        console.print("Asking dbt for its unit tests …")
        target = compile_tests(warehouse, Path(folder), [model] if model else [f"path:models/{layer}" for layer in LAYERS])
        jobs = []
        for path in sorted(path for layer in LAYERS for path in (DBT_PROJECT_DIR / "models" / layer).rglob("*.sql")):
            if model and path.stem != model:
                continue
            place = path.relative_to(DBT_PROJECT_DIR)
            queries = sorted((target / "run/stockroom" / place.with_suffix(".yml")).rglob("*.sql"))
            tests = [unit_test(query.stem, query.read_text()) for query in queries if "actual_or_expected" in query.read_text()]
            jobs.append((path.stem, tests, (target / "compiled/stockroom" / place).read_text()))
        with ProcessPoolExecutor(processes) as pool:
            running = [pool.submit(judge, *job) for job in jobs]
            results = [future.result() for future in track(running, "Mutants", console=console)]
    report(results, verbose, markdown)


def report(results: list[tuple[str, int, list[Mutant], list[str]]], verbose: bool, markdown: Path | None) -> None:
    asked, survived = sum(result[1] for result in results), sum(len(result[2]) for result in results)
    rate = 1 - survived / max(asked, 1)
    rows = [
        (name, str(count), str(len(left)), f"{1 - len(left) / count:.0%}" if count else "-", "; ".join(odd))
        for name, count, left, odd in sorted(results, key=lambda result: -len(result[2]))
    ]
    header = ("model", "mutants", "survived", "killed", "tests not judged")
    table = Table(*header, title=f"{asked} mutants, {rate:.1%} killed by unit tests (aim {AIM:.0%})", title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    if verbose:
        for name, _, left, _ in results:
            for mutant in left:
                console.print(f"{name}: {mutant.was} → {mutant.text}   {mutant.near}", markup=False, highlight=False)
    if markdown:
        lines = [
            "# Would a wrong formula be noticed?", "",
            f"One operator or constant of a model's SQL is changed at a time, and its dbt unit tests are asked (`make mutants`, {date.today()}). Data tests and the",
            "golden pipeline would find more: the rate is a lower bound.", "",
            f"{asked} mutants of marts and recommendations, **{rate:.1%}** killed; aim {AIM:.0%}.", "",
            "| " + " | ".join(header[:4]) + " |", "|---|---|---|---|", *("| " + " | ".join(row[:4]) + " |" for row in rows), "",
        ]  # fmt: skip
        markdown.write_text("\n".join(lines))


if __name__ == "__main__":
    typer.run(main)
