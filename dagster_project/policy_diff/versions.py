"""Versions of the SQL: that of a git revision and that of the working tree, read by dbt, and what differs between them.

Belongs here: git, parsing, the graph of a version, which models changed. Does not belong here: building and comparing tables.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dagster_project import build
from dagster_project.policy_diff.errors import DiffError

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROJECT = "dbt_project"
BUILT = ("model", "seed", "snapshot")


@dataclass(frozen=True)
class Version:
    """One version of the dbt project, read; `file` is the DuckDB file its changed tables go to, named as its database."""

    name: str
    folder: Path
    workspace: Path
    manifest: Manifest

    @property
    def file(self) -> Path:
        return self.workspace / f"{self.name}.duckdb"

    def node(self, unique_id: str) -> Any | None:
        return self.manifest.nodes.get(unique_id)

    def built(self) -> dict[str, Any]:
        """Models, seeds and snapshots by their id."""
        return {key: node for key, node in self.manifest.nodes.items() if node.resource_type.value in BUILT}

    def table(self, unique_id: str) -> str:
        """`schema.name` of a model, seed, snapshot or source."""
        node = self.manifest.nodes.get(unique_id) or self.manifest.sources[unique_id]
        return f"{node.schema}.{node.identifier if unique_id.startswith('source.') else node.alias}"

    def id_of(self, table: str) -> str | None:
        """The model, seed or snapshot that makes `schema.name`."""
        return next((key for key in self.built() if self.table(key) == table), None)

    def parents(self, unique_id: str) -> set[str]:
        node = self.manifest.nodes.get(unique_id)
        return set(node.depends_on_nodes) if node is not None else set()

    def ancestors(self, of: Iterable[str]) -> set[str]:
        """`of` and everything SQL makes them from."""
        found: set[str] = set()
        open_ = list(of)
        while open_:
            one = open_.pop()
            if one not in found:
                found.add(one)
                open_ += self.parents(one)
        return found

    def descendants(self, of: Iterable[str], but_not_through: Collection[str] = ()) -> set[str]:
        """Models, seeds and snapshots made from `of` by SQL, and `of` themselves; ways through some may not count."""
        children: dict[str, list[str]] = {}
        for key in self.built():
            for parent in self.parents(key):
                children.setdefault(parent, []).append(key)
        found: set[str] = set()
        open_ = list(of)
        while open_:
            one = open_.pop()
            if one not in found:
                found.add(one)
                open_ += [key for key in children.get(one, []) if key not in but_not_through]
        return found & set(self.built())

    def key_columns(self, unique_id: str) -> list[str] | None:
        """The columns that name a row of the table, from its data test; None where none is declared."""
        for node in self.manifest.nodes.values():
            test = getattr(node, "test_metadata", None)
            if test and test.name == "unique_grain" and node.attached_node == unique_id:
                return list(test.kwargs["columns"])
        return None


def revision(root: Path, ref: str) -> str:
    """The commit that `ref` names. Raises DiffError."""
    if _git(root, "rev-parse", "--git-dir", check=False) is None:
        raise DiffError([f"{root} is not under git: there is no version to compare with"], "git init, git add, git commit first.")
    found = _git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", check=False)
    if not found:
        raise DiffError(
            [f"git knows no revision {ref!r}"], "Choose a branch, a tag or a commit: git branch --all, git log --oneline"
        )
    return found.strip()


def extract(root: Path, commit: str, into: Path) -> Path:
    """The dbt project as it was in a commit, in `into`; once per commit. Raises DiffError where the commit has none."""
    folder, mark = into / PROJECT, into / "commit"
    if folder.exists() and mark.exists() and mark.read_text() == commit:
        return folder
    archive = subprocess.run(["git", "-C", str(root), "archive", "--format=tar", commit, PROJECT], capture_output=True)
    if archive.returncode:
        raise DiffError([f"{commit[:10]} has no folder {PROJECT}"], "Choose a later revision.")
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(into, filter="data")
    mark.write_text(commit)
    return folder


def changed_python(root: Path, commit: str) -> list[str]:
    """Python files of the product that differ from a commit, or are new."""
    named = _git(root, "diff", "--name-only", commit, "--", "ml", "dagster_project") or ""
    new = _git(root, "ls-files", "--others", "--exclude-standard", "--", "ml", "dagster_project") or ""
    return sorted(path for path in {*named.split(), *new.split()} if path.endswith(".py"))


def read(name: str, folder: Path, workspace: Path, warehouse: Path | None, memory_limit: str) -> Version:
    """Parse a version; its tables will go to `workspace`/`name`.duckdb, and what it does not build is read from the warehouse, if any.

    Raises DiffError with what dbt says of a project that it cannot read.
    """
    profiles = workspace / f"{name}_profile"
    profiles.mkdir(parents=True, exist_ok=True)
    output = {
        "type": "duckdb",
        "path": str(workspace / f"{name}.duckdb"),
        "threads": 1,
        "settings": {"memory_limit": memory_limit},
        "attach": [{"path": str(warehouse), "alias": warehouse.stem, "read_only": True}] if warehouse else [],
    }
    (profiles / "profiles.yml").write_text(yaml.safe_dump({"stockroom": {"target": name, "outputs": {name: output}}}))
    result, said = invoke(["parse"], folder, workspace, name)
    if not result.success:
        raise DiffError(
            [f"dbt cannot read {folder}:", *said, *([str(result.exception)] if not said else [])], "Mend it, then try again."
        )
    return Version(name, folder, workspace, result.result)


def invoke(arguments: list[str], folder: Path, workspace: Path, name: str, **runner: Any) -> tuple[Any, list[str]]:
    """One dbt command on a version; its result and the errors it reported."""
    errors: list[str] = []

    def listen(event: Any) -> None:
        if event.info.level == "error":
            errors.append(event.info.msg.strip())

    quick = [*build.QUICK, "--target-path", str(workspace / f"{name}_target")]
    with contextlib.redirect_stdout(io.StringIO()):  # `ls` prints what it returns, whatever it is told
        result = build.invoke_dbt(
            [*arguments, *quick], project_dir=folder, profiles_dir=workspace / f"{name}_profile", callbacks=[listen], **runner
        )
    return result, errors


def write_state(before: Version, warehouse: Path) -> Path:
    """What dbt compares with and reads instead: the manifest of `before`, its tables said to be those of the warehouse."""
    state = before.workspace / "state"
    state.mkdir(exist_ok=True)
    manifest = before.manifest.writable_manifest().to_dict(omit_none=False)
    for node in manifest["nodes"].values():
        if node.get("database") == before.name:
            node["database"] = warehouse.stem
            if node.get("relation_name"):
                node["relation_name"] = node["relation_name"].replace(f'"{before.name}".', f'"{warehouse.stem}".', 1)
    (state / "manifest.json").write_text(json.dumps(manifest, default=str))
    return state


def changed(before: Version, after: Version, state: Path) -> tuple[set[str], set[str]]:
    """Models, seeds and snapshots of `after` that are new or whose SQL, macros or settings changed; and those `after` lacks."""
    types = [word for kind in BUILT for word in ("--resource-type", kind)]
    result, said = invoke(
        ["ls", "--select", "state:modified", "--state", str(state), "--output", "json", "--output-keys", "unique_id", *types],
        after.folder, after.workspace, after.name, manifest=after.manifest,
    )  # fmt: skip
    if not result.success:
        raise DiffError(said or [str(result.exception)])
    found = {json.loads(line)["unique_id"] for line in result.result or [] if line.startswith("{")}
    return found, set(before.built()) - set(after.built())


def _git(root: Path, *arguments: str, check: bool = True) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise DiffError(["git is not installed"], "Install it: versions are told apart by it.") from None
    return done.stdout if done.returncode == 0 else None
