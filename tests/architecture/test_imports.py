"""Python's layers: the contracts of import-linter hold, an import that breaks one is found, and importing does no work."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINT_IMPORTS, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120)


def test_every_import_contract_holds() -> None:
    result = lint_imports(PROJECT_ROOT)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("ml/forecasting/panel.py", "import duckdb", "Estimates know no orchestrator, no dbt, no database"),
        ("ml/serving/query.py", "import duckdb", "Estimates know no orchestrator, no dbt, no database"),
        ("ml/vision/predict.py", "import fastapi", "Requests are known to the API alone"),
        ("ml/contracts/frame.py", "from ml import evaluation", "One way through ml"),
        ("ml/evaluation.py", "import ml.replenishment", "One way through ml"),
        ("dagster_project/demo/sizes.py", "import ml.contracts", "The demo generator stands alone"),
        ("dagster_project/settings.py", "import dagster_project.cli", "Inside the orchestrator"),
    ],
)
def test_an_import_against_the_rules_is_found(tmp_path: Path, module: str, line: str, broken: str) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    for package in ("ml", "dagster_project"):
        shutil.copytree(PROJECT_ROOT / package, tmp_path / package, ignore=ignore)
    shutil.copyfile(PROJECT_ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    path = tmp_path / module
    path.write_text(path.read_text() + f"\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert [row for row in result.stdout.splitlines() if row.startswith(broken) and "BROKEN" in row]


# What an import may not do: write, start a process, open a connection, load what is heavy ----------------------------------

WATCHED_IMPORT = """
import json, sys
deeds = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        deeds.append(f"wrote {arguments[0]}")
    elif event in ("os.mkdir", "os.rename", "os.remove", "subprocess.Popen", "os.system", "os.exec", "socket.connect"):
        deeds.append(f"{event} {arguments[0]}")
sys.addaudithook(watch)
import MODULE
# platform.architecture(), which a library of Dagster's calls, asks the program "file" about the interpreter
print(json.dumps([[deed for deed in deeds if "/dev/null" not in deed and deed != "subprocess.Popen file"], sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def watched_import(module: str, folder: Path) -> tuple[list[str], set[str]]:
    """What a module does while it is imported in a fresh interpreter, and the packages that are loaded afterwards."""
    env = {
        "PATH": "",
        "HOME": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "STOCKROOM_SOURCE": str(folder / "no_source"),
        "STOCKROOM_WAREHOUSE": str(folder / "no_warehouse" / "stockroom.duckdb"),
        "DAGSTER_HOME": str(folder / "no_home"),
    }
    script = WATCHED_IMPORT.replace("MODULE", module)
    result = subprocess.run([sys.executable, "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    deeds, packages = json.loads(result.stdout.splitlines()[-1])
    return deeds, set(packages)


@pytest.mark.parametrize(
    ("module", "too_heavy"),
    [
        ("ml.forecasting", {"statsforecast", "neuralforecast", "torch", "scipy", "pandas", "dagster", "dbt", "duckdb"}),
        ("ml.serving.app", {"dagster", "dbt", "torch", "statsforecast", "scipy", "pandas", "onnxruntime"}),
        ("dagster_project.cli", {"fastapi", "dagster", "dbt", "statsforecast", "polars", "duckdb", "pandas"}),
        ("dagster_project.definitions", {"statsforecast", "neuralforecast", "torch"}),
    ],
)
def test_an_import_does_no_work_and_loads_nothing_heavy(tmp_path: Path, module: str, too_heavy: set[str]) -> None:
    deeds, packages = watched_import(module, tmp_path)
    assert deeds == []
    assert packages & too_heavy == set()
    assert list(tmp_path.iterdir()) == []


def test_the_watch_sees_what_an_import_does(tmp_path: Path) -> None:
    (tmp_path / "careless.py").write_text("from pathlib import Path\nPath('made').mkdir()\nPath('made/file').write_text('x')\n")
    deeds, _ = watched_import("careless", tmp_path)
    assert deeds == ["os.mkdir made", "wrote made/file"]
