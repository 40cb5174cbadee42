"""What every test may lean on: an environment of its own, the tiny demo data, and warehouses of it and of the golden data.

What takes long is made once for all processes that test side by side; what may be changed is copied.

Belongs here: fixtures shared by several folders. Does not belong here: expected numbers, and anything only one folder uses.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is loaded: two threads on a busy machine can be 50 times slower than one

import pytest
from filelock import FileLock

from dagster_project import build, settings
from dagster_project.demo import generate
from dagster_project.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:  # dbt and Dagster take seconds to import: only in the fixtures that need them
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

DEMO_SEED = 1

RunDbt = Callable[..., "dbtRunnerResult"]
MadeOnce = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session", autouse=True)
def session_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nothing of the developer's shell gets in, and nothing is written outside a folder of this session."""
    home = tmp_path_factory.mktemp("session")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("STOCKROOM_", "DBT_", "DAGSTER_"))]:
            patch.delenv(name)
        nowhere = Settings(
            source_dir=home / "no_source",
            warehouse=home / "stockroom.duckdb",
            dagster_home=home / "dagster",
            alerts_file=home / "no_alerts.yml",
        )
        for name, value in nowhere.to_env().items():
            patch.setenv(name, value)
        patch.setenv("DBT_TARGET_PATH", str(home / "dbt_target"))
        patch.setenv("DBT_LOG_PATH", str(home / "dbt_logs"))
        patch.setattr(build, "MANIFEST", home / "dbt_target" / "manifest.json")
        patch.setattr(settings, "SETTINGS_FILE", home / "no_stockroom.toml")
        patch.setattr(settings, "ENV_FILE", home / "no_env")
        yield home


@pytest.fixture(autouse=True)
def own_environment(session_environment: Path) -> Iterator[None]:
    """The code under test may set variables (dbt reads its paths from them); the next test does not see them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """`made_once(name, make)`: the folder that `make(folder)` filled in the first process to ask. Read only: copy what you change."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name: str, make: Callable[[Path], object]) -> Path:
        whole, part = shared / name, shared / f"{name}.part"
        with FileLock(shared / f"{name}.lock"):
            if not whole.exists():
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir()
                make(part)
                part.rename(whole)
        return whole

    return once


@pytest.fixture(scope="session")
def tiny_source(made_once: MadeOnce) -> Path:
    """The retailer's six files, tiny, in one place for all processes: a warehouse knows its history by the folder it read. Read only."""
    return made_once("tiny_source", lambda folder: generate("tiny", DEMO_SEED, folder))


@pytest.fixture(scope="session")
def dbt_manifest(session_environment: Path, made_once: MadeOnce) -> Manifest:
    """The dbt project, parsed once; target/manifest.json of this session is a copy of what was written with it."""

    def parse(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(build, "MANIFEST", folder / build.MANIFEST.name)
            build.ensure_manifest()

    shutil.copytree(made_once("dbt_project", parse), build.MANIFEST.parent, dirs_exist_ok=True)
    manifest = build.read_project("stockroom")
    assert manifest
    return manifest


@pytest.fixture(scope="session")
def run_dbt(dbt_manifest: Manifest) -> RunDbt:
    """`run_dbt(source, warehouse, "build", "--select", ...)`: dbt in this process, on the tables Python writes (empty at first).

    A build makes tables; with `checked` it holds them against the data tests, too. Unit tests of models run in their own place.
    The warehouse must be called stockroom.duckdb, as dbt takes the database's name from the file's and parses only once.
    Raises when dbt fails, unless `succeeds=False`. The file is free for other connections afterwards.
    """

    from dagster_project.warehouse_file import WarehouseFile

    def run(
        source: Path,
        warehouse: Path,
        *arguments: str,
        as_of: date | None = None,
        checked: bool = False,
        succeeds: bool = True,
    ) -> dbtRunnerResult:
        assert warehouse.name == "stockroom.duckdb"
        WarehouseFile(str(warehouse)).prepare("US")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in Settings(source_dir=source, warehouse=warehouse, as_of=as_of).to_env().items():
                patch.setenv(name, value)
            selection: tuple[str, ...] = ()
            if arguments[0] == "build":
                left_out = ("unit_test",) if checked else ("unit_test", "test")
                # as in production: a test runs where all its parents are built
                selection = ("--indirect-selection", "buildable", "--exclude-resource-type", *left_out)
            result = build.invoke_dbt([*build.QUICK, *arguments, *selection], manifest=dbt_manifest.deepcopy())
        if succeeds and not result.success:
            nodes = result.result.results if result.result else []
            failed = [f"{node.node.name}: {node.message}" for node in nodes if node.status in ("error", "fail")]
            raise AssertionError("\n".join(["dbt failed", *failed, str(result.exception or "")]))
        return result

    return run


@pytest.fixture(scope="session")
def built_warehouse(run_dbt: RunDbt, tiny_source: Path, made_once: MadeOnce, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that is known before a forecast: seeds, staging, marts and features of the tiny data. Read only."""
    layers = ("path:seeds", "path:models/staging", "+path:models/intermediate", "+path:models/marts", "+path:models/features")

    def make(folder: Path) -> None:
        run_dbt(tiny_source, folder / "stockroom.duckdb", "build", "--select", *layers, checked=True)

    copy = tmp_path_factory.mktemp("built_warehouse") / "stockroom.duckdb"
    return Path(shutil.copyfile(made_once("built_warehouse", make) / copy.name, copy))


@pytest.fixture(scope="session")
def golden_settings(dbt_manifest: Manifest, made_once: MadeOnce, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The whole job on data/golden, run once; tests/integration/test_golden_pipeline.py works out what must come."""
    from dagster_project.runner import run_daily_replenishment

    def at(home: Path) -> Settings:
        golden = PROJECT_ROOT / "data" / "golden"
        return Settings(source_dir=golden, warehouse=home / "stockroom.duckdb", dagster_home=home / "dagster")

    made = made_once("golden", lambda folder: run_daily_replenishment(at(folder)))
    return at(Path(shutil.copytree(made, tmp_path_factory.mktemp("golden") / "home", symlinks=True)))


@pytest.fixture(scope="session")
def golden_warehouse(golden_settings: Settings) -> Path:
    """Its warehouse. Copy what you want to change."""
    return golden_settings.warehouse
