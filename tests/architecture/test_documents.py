"""No document lies: links lead somewhere, commands and options exist, tables named in code are tables.

Belongs here: what every document has in common. Does not belong here: the tables of the README, which have a test of their own.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer

from dagster_project.cli import app
from dagster_project.settings import PROJECT_ROOT

# a document of what was: its commands and tables were true when it was written
HISTORY = {"CHANGELOG.md"}
# made by the run or a client, not by dbt
MADE_ELSEWHERE = {"bi", "input", "ml", "reference", "information_schema"}


def documents() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout
    return [PROJECT_ROOT / line for line in listed.splitlines()]


def anchor(heading: str) -> str:
    """The name a heading gets where Markdown is shown: small letters, no marks, hyphens for blanks."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def wrong_links(document: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, part = target.partition("#")
        if re.match(r"\w+:", path):
            continue
        found = (document.parent / path) if path else document
        if not found.exists():
            wrong.append(f"{target} is not there")
        elif part and part not in {anchor(line) for line in re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)}:
            wrong.append(f"{target}: no such heading")
    return wrong


def code(text: str) -> list[str]:
    """Every line of a code block, a line broken by a backslash put together, and every piece of code within a sentence."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def words_after(program: str, line: str) -> list[str] | None:
    """What follows the program's name where the line starts with it, after settings in front; None where it does not."""
    found = re.match(rf"^\s*(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?{program}\s+(.*)$", line)
    if not found:
        return None
    try:
        return shlex.split(found[1], comments=True)
    except ValueError:
        return found[1].split()


def wrong_commands(lines: list[str]) -> list[str]:
    wrong = []
    for line in lines:
        words = words_after("stockroom", line)
        if not words or not re.match(r"^[a-z-]", words[0]):
            continue
        command = typer.main.get_command(app)
        while hasattr(command, "commands") and words:
            # `list|approve` stands for one of them
            names, *words = words
            unknown = [name for name in names.split("|") if not name.startswith("-") and name not in command.commands]
            if unknown:
                wrong.append(f"{line}: there is no {' or '.join(unknown)}")
                break
            if names.startswith("-"):
                break
            command = command.commands[names.split("|")[0]]
        else:
            if command.context_settings.get("ignore_unknown_options"):
                continue  # dbt's own words
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
                "--help"
            }
            given = {re.split(r"[=\]|,]", word.strip("["))[0] for word in words if word.strip("[").startswith("--")}
            wrong += [f"{line}: {command.name} has no {option}" for option in sorted(given - known)]
    return wrong


def wrong_targets(lines: list[str]) -> list[str]:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE))
    found = [(line, words) for line in lines if (words := words_after("make", line))]
    return [
        f"make {words[0]} is no target" for line, words in found if re.match(r"^[a-z-]+$", words[0]) and words[0] not in targets
    ]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_links_and_commands_of_a_document_lead_somewhere(document: Path) -> None:
    assert wrong_links(document) == []
    if document.name not in HISTORY:
        lines = code(document.read_text())
        assert wrong_commands(lines) + wrong_targets(lines) == []


def test_tables_that_documents_name_are_there(dbt_manifest, session_environment: Path) -> None:
    manifest = json.loads((session_environment / "dbt_target" / "manifest.json").read_text())
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    tables = {(node["schema"], node.get("identifier") or node.get("alias") or node["name"]) for node in nodes}
    schemas = {schema for schema, _ in tables} - MADE_ELSEWHERE
    named = {
        (document.name, pair)
        for document in documents()
        if document.name not in HISTORY
        for line in code(document.read_text())
        for pair in re.findall(r"\b([a-z]+)\.([a-z]\w+)", line)
    }
    assert ("README.md", ("marts", "rpt_turnover")) in named
    assert {(name, pair) for name, pair in named if pair[0] in schemas and pair not in tables} == set()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("`stockroom fly`", "there is no fly"),
        ("```\n.venv/bin/stockroom run --sauce x\n```", "run has no --sauce"),
        ("`stockroom orders list|lose`", "there is no lose"),
        ("`make gold`", "make gold is no target"),
    ],
)
def test_a_document_that_lies_is_found_out(text: str, complaint: str) -> None:
    found = wrong_commands(code(text)) + wrong_targets(code(text))
    assert [complaint in line for line in found] == [True]


def test_a_link_to_nothing_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# What is *here*\n")
    document = tmp_path / "page.md"
    document.write_text("[a](other.md#what-is-here) [b](other.md#gone) [c](gone.md) [d](https://example.org/x) `[e](f.md)`\n")
    assert wrong_links(document) == ["other.md#gone: no such heading", "gone.md is not there", "f.md is not there"]
