"""What gets installed: torch and no library of GPUs beside it, and the versions that are known to work together."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dagster_project.settings import PROJECT_ROOT

FOR_GPUS = re.compile(r"nvidia-.*|cuda-.*|cupy.*|triton|torch|xgboost")


def pins() -> dict[str, str]:
    """Name and version of every line of constraints.txt."""
    lines = [line.partition("#")[0].strip() for line in (PROJECT_ROOT / "constraints.txt").read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line]
    assert [str(r) for r in requirements if not str(r.specifier).startswith("==")] == []
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in requirements}


def closure(root: str) -> set[str]:
    """All distributions that installing `root` without extras brings along."""
    found: set[str] = set()
    todo = [(root, frozenset({""}))]
    while todo:
        name, extras = todo.pop()
        try:
            needed = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:
            continue
        for requirement in needed:
            wanted = any(requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in extras)
            dependency = canonicalize_name(requirement.name)
            if wanted and dependency not in found:
                found.add(dependency)
                todo.append((dependency, frozenset(requirement.extras | {""})))
    return found


def test_of_gpu_libraries_only_torch_is_installed() -> None:
    # as a CPU build: one of CUDA would bring a dozen nvidia packages along
    needed = closure("stockroom")
    assert {"dagster", "duckdb", "numpy", "dbt-adapters"} <= needed
    assert sorted(name for name in needed if FOR_GPUS.fullmatch(name)) == ["torch"]


def test_no_gpu_library_is_pinned() -> None:
    assert sorted(name for name in pins() if FOR_GPUS.fullmatch(name)) == ["torch"]


def test_the_versions_that_bite_are_held() -> None:
    pinned = pins()
    assert pinned["torch"] == "2.13.0"  # the one version with a CPU build everywhere; a range takes gigabytes of CUDA
    assert re.fullmatch(r"1\.5\.\d+", pinned["duckdb"])  # 2.0 files cannot be read by the Node client and DuckDB-Wasm
    assert re.fullmatch(r"1\.11\.\d+", pinned["dbt-core"])  # 1.12 downloads a parser while it builds


def test_every_direct_dependency_is_pinned() -> None:
    direct = {canonicalize_name(Requirement(text).name) for text in requires("stockroom") or []}
    assert len(direct) > 20
    assert sorted(direct - set(pins()) - {"stockroom"}) == []
