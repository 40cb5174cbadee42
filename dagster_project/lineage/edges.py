"""Edges between columns: of SQL by sqlglot, of Python by its contracts, of raw files by their declarations; kept as a table.

Belongs here: finding and keeping edges. Does not belong here: walking along them, and drawing.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dagster_project.build import MANIFEST
from dagster_project.policy_diff import versions
from dagster_project.policy_diff.errors import DiffError
from dagster_project.settings import DBT_PROJECT_DIR, PROJECT_ROOT
from dagster_project.warehouse_file import ML_SCHEMA
from ml.contracts.derivations import DERIVATIONS

if TYPE_CHECKING:
    from dagster_project.policy_diff.versions import Version

SCHEMA = {
    "child_table": pl.String,
    "child_column": pl.String,
    "parent_table": pl.String,
    "parent_column": pl.String,
    "via": pl.String,
}
"""`via`: sql, python or file. Tables are schema.name; of raw files source.name, with the columns that the files have."""

Edge = tuple[str, str, str, str, str]


def lineage_table(folder: Path, say: Callable[[str], None] = lambda text: None) -> tuple[pl.DataFrame, Path]:
    """All edges (`SCHEMA`), and the Parquet file in `folder` that holds them; found anew where the project changed since. Raises DiffError."""
    path = folder / f"column_lineage_{_fingerprint()}.parquet"
    if not path.exists():
        frame = find_edges(folder / "lineage", say)
        for old in folder.glob("column_lineage_*.parquet"):
            old.unlink()
        fresh = path.with_suffix(".new")
        frame.write_parquet(fresh)
        fresh.replace(path)
    return pl.read_parquet(path), path


def find_edges(workspace: Path, say: Callable[[str], None] = lambda text: None) -> pl.DataFrame:
    """Read the project, let dbt write its SQL out, and follow each column of each model. Takes half a minute. Raises DiffError."""
    workspace.mkdir(parents=True, exist_ok=True)
    say("reading the project")
    version = versions.read("lineage", DBT_PROJECT_DIR, workspace, None, "2GB")
    say("writing the SQL out")
    result, said = versions.invoke(
        ["compile", "--exclude", "resource_type:test", "resource_type:unit_test"],
        version.folder,
        workspace,
        version.name,
        manifest=version.manifest,
    )
    if not result.success:
        raise DiffError(["dbt cannot write the SQL out:", *(said or [str(result.exception)])], "Mend it, then try again.")
    compiled = {done.node.unique_id: done.node.compiled_code or "" for done in result.result.results}
    say(f"following the columns of {len(compiled)} models")
    edges = [*_file_edges(version), *_python_edges(version), *_sql_edges(version, compiled)]
    return pl.DataFrame(sorted(set(edges)), schema=SCHEMA, orient="row")


def _file_edges(version: Version) -> Iterator[Edge]:
    """What a base model makes of a file is declared, column by column, beside the source."""
    for source in version.manifest.sources.values():
        if not source.meta.get("file_patterns"):
            continue
        base = version.manifest.nodes.get(f"model.stockroom.base_{source.source_name}__{source.name}")
        for column in source.columns.values():
            if base is not None and column.meta.get("canonical"):
                yield (
                    version.table(base.unique_id),
                    column.meta["canonical"],
                    f"{source.source_name}.{source.name}",
                    column.name,
                    "file",
                )


def _python_edges(version: Version) -> Iterator[Edge]:
    schema = {node.alias: node.schema for node in version.built().values()}
    for derivation in DERIVATIONS:
        for child, column, parent, name in derivation.edges():
            yield f"{ML_SCHEMA}.{child}", column, f"{schema[parent]}.{parent}", name, "python"
    photos = next(s for s in version.manifest.sources.values() if (s.source_name, s.name) == ("optional", "inspection_photos"))
    for source in version.manifest.sources.values():
        if (source.source_name, source.name) == ("ml", "image_scores"):
            for column in source.columns.values():
                yield "ml.image_scores", column.name, "optional.inspection_photos", next(iter(photos.columns)), "python"


def _sql_edges(version: Version, compiled: dict[str, str]) -> Iterator[Edge]:
    """Each model after those it reads, so that the columns of a star are known."""
    known: dict[str, dict[str, dict[str, str]]] = {}
    for source in version.manifest.sources.values():
        if not source.meta.get("file_patterns"):
            columns = {c.name: c.data_type or "text" for c in source.columns.values()}
            known.setdefault(source.schema, {})[source.identifier] = columns
    for key in _in_order(version):
        node = version.node(key)
        columns = _seed_columns(node, version) if key.startswith("seed.") else {}
        if not key.startswith("seed.") and compiled.get(key):
            if not node.name.startswith("base_"):
                columns, edges = _of_model(version.table(key), compiled[key].replace(f'"{version.name}".', ""), known)
                yield from edges
            declared = {c.name: c.data_type or "text" for c in node.columns.values()}
            columns = columns | declared
            if key.startswith("snapshot."):
                columns |= dict.fromkeys(("dbt_valid_from", "dbt_valid_to", "dbt_updated_at"), "timestamp") | {
                    "dbt_scd_id": "text"
                }
        known.setdefault(node.schema, {})[node.alias] = columns


def _of_model(table: str, sql: str, known: dict) -> tuple[dict[str, str], list[Edge]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sqlglot
        from sqlglot import exp
        from sqlglot.lineage import lineage
        from sqlglot.optimizer.qualify import qualify
        from sqlglot.optimizer.scope import build_scope

    tree = sqlglot.parse_one(sql, dialect="duckdb")
    try:
        tree = qualify(tree, schema=known, dialect="duckdb", validate_qualify_columns=False, identify=False)
    except sqlglot.errors.OptimizeError:  # `rejects` counts records by their rowid, which no schema has
        return {}, []
    scope = build_scope(tree)
    edges = []
    for column in tree.named_selects:
        node = lineage(column, tree, scope=scope, schema=known, dialect="duckdb", trim_selects=False)
        for leaf in node.walk():
            if not leaf.downstream and isinstance(leaf.expression, exp.Table) and leaf.expression.db:
                source = leaf.expression
                edges.append((table, column, f"{source.db}.{source.name}", leaf.name.split(".")[-1].strip('"'), "sql"))
    return dict.fromkeys(tree.named_selects, "text"), edges


def _in_order(version: Version) -> list[str]:
    import graphlib

    built = set(version.built())
    return [
        key for key in graphlib.TopologicalSorter({k: version.parents(k) & built for k in built}).static_order() if key in built
    ]


def _seed_columns(node: Any, version: Version) -> dict[str, str]:
    with (version.folder / node.original_file_path).open() as file:
        return dict.fromkeys(file.readline().strip().split(","), "text")


def _fingerprint() -> str:
    """12 hex digits over all files that edges are made from."""
    digest = hashlib.sha256()
    own = [Path(__file__), *sorted((PROJECT_ROOT / "ml" / "contracts").glob("*.py")), DBT_PROJECT_DIR / "dbt_project.yml"]
    folders = [DBT_PROJECT_DIR / name for name in ("models", "macros", "seeds", "snapshots")]
    for path in [*own, *sorted(p for folder in folders for p in folder.rglob("*") if p.is_file())]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def default_folder() -> Path:
    """Beside dbt's manifest: made of the project alone, and made again whenever it changes."""
    return MANIFEST.parent
