"""Global networks: what every forecast keeps, what the network learns, and that it is the same twice."""

from __future__ import annotations

import json
import logging
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from ml.forecasting.neural import NAMES, NeuralModel, NeuralSettings, neural_paths
from ml.forecasting.neural_shared import Arrays

LEVELS = np.array([0.1, 0.5, 0.9])
TINY = NeuralSettings(
    hidden_size=8, max_steps=20, check_steps=10, last_steps=5, batch_size=32, input_periods=8, accelerator="cpu"
)
HORIZON = 4


def demand(series: int = 12, periods: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Poisson demand of rising means, every history as long as the panel."""
    means = np.linspace(0.2, 20, series)[:, None]
    units = np.random.default_rng(5).poisson(means, (series, periods)).astype(float)
    return units, np.zeros(series, dtype=np.int64)


def known_features(series: int, periods: int) -> dict[str, np.ndarray]:
    day = np.arange(periods + HORIZON) % 7
    price = np.random.default_rng(6).uniform(1, 2, (series, periods + HORIZON, 2))
    return {"calendar": np.eye(7)[day], "exogenous": price, "static": np.eye(series)[:, :3]}


@pytest.mark.parametrize("name", NAMES)
def test_every_network_forecasts_every_series_with_rising_quantiles_and_the_same_again(name: str) -> None:
    units, start = demand()
    kwargs = {"levels": LEVELS, "season": 7, "settings": TINY, **known_features(*units.shape)}
    first = neural_paths(name, units, start, HORIZON, **kwargs)
    again = neural_paths(name, units, start, HORIZON, **kwargs)
    assert first.mean.shape == (12, HORIZON)
    assert first.quantiles.shape == (12, HORIZON, 3)
    assert np.isfinite(first.mean).all()
    assert (first.mean >= 0).all()
    assert (first.quantiles[..., 0] >= 0).all()
    assert (np.diff(first.quantiles, axis=-1) >= 0).all()
    assert first.learned["steps"] == 20
    assert (first.mean == again.mean).all()
    assert (first.quantiles == again.quantiles).all()


def test_another_seed_is_another_network() -> None:
    units, start = demand()
    other = NeuralSettings(**{**TINY.__dict__, "seed": 2})
    paths = [neural_paths("lstm", units, start, HORIZON, levels=LEVELS, season=7, settings=s) for s in (TINY, other)]
    assert (paths[0].mean != paths[1].mean).any()


TWICE = """
import numpy as np
from ml.forecasting.multitask import multitask_paths
from ml.forecasting.neural import NeuralSettings, neural_paths
units, start, one = np.random.default_rng(5).poisson(3.0, (6, 20)).astype(float), np.zeros(6, dtype=np.int64), np.ones(6)
settings = NeuralSettings(hidden_size=4, max_steps=8, check_steps=4, batch_size=16, accelerator="cpu")
common = {"levels": np.array([0.5]), "season": 1, "settings": settings}
means = [neural_paths(name, units, start, 2, **common).mean for name in ("lstm", "gru", "nhits", "tcn")]
paths, stock = multitask_paths(units, start, 2, holding_cost=one, shortage_cost=4 * one, **common)
found = b"".join(values.tobytes() for values in (*means, paths.mean, stock)).hex()
"""


def test_two_processes_agree_to_the_last_bit_and_leave_no_file_and_no_word(tmp_path: Path) -> None:
    here: dict[str, str] = {}
    exec(TWICE, here)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", TWICE + "print(found)"]
    there = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert there.returncode == 0, there.stderr
    assert there.stdout == here["found"] + "\n"
    assert there.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_process_is_changed() -> None:
    import torch

    units, start = demand()
    torch.set_num_threads(2)

    def state() -> tuple[object, ...]:
        numbers = np.random.get_state()
        return (
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.random.get_rng_state().tolist(),
            random.getstate(),
            numbers[1].tolist(),
            logging.root.manager.disable,
            dict(os.environ),
            list(warnings.filters),
        )

    neural_paths("lstm", units, start, HORIZON, levels=LEVELS, season=1, settings=TINY)  # the library's own imports
    before = state()
    neural_paths("lstm", units, start, HORIZON, levels=LEVELS, season=1, settings=TINY)
    after = state()
    torch.set_num_threads(1)
    assert before == after


def test_odd_series_have_a_defined_forecast() -> None:
    units, _ = demand(series=6)
    units[0] = 0.0  # never sold
    units[1] = 7.0  # constant
    units[3, 10:14] = np.nan  # not known for some weeks
    start = np.array([0, 0, 29, 0, 30, 28])  # series 2 is one point, series 4 has no history, series 5 is two points
    paths = neural_paths("lstm", units, start, HORIZON, levels=LEVELS, season=7, settings=TINY)
    assert np.isnan(paths.mean[4]).all()
    assert np.isnan(paths.quantiles[4]).all()
    with_history = [0, 1, 2, 3, 5]
    assert np.isfinite(paths.mean[with_history]).all()
    assert np.isfinite(paths.quantiles[with_history]).all()
    assert (paths.mean[0] == 0).all()
    assert (paths.quantiles[0] == 0).all()


@pytest.mark.parametrize("periods", [1, 2, 3, 5])
def test_the_shortest_panels_have_a_forecast(periods: int) -> None:
    units = np.full((3, periods), 2.0)
    units[2] = 0.0
    paths = neural_paths("nhits", units, np.zeros(3, dtype=np.int64), 6, levels=LEVELS, season=52, settings=TINY)
    assert np.isfinite(paths.mean).all()
    assert (paths.mean[2] == 0).all()


def test_without_anything_to_learn_from_the_history_speaks() -> None:
    units = np.array([[0.0, 0.0, 4.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    start = np.array([2, 0, 3])
    paths = neural_paths("tcn", units, start, 2, levels=LEVELS, season=1, settings=TINY)
    assert paths.mean[0].tolist() == [4.0, 4.0]
    assert paths.quantiles[0].tolist() == [[4.0, 4.0, 4.0], [4.0, 4.0, 4.0]]
    assert paths.mean[1].tolist() == [0.0, 0.0]
    assert np.isnan(paths.mean[2]).all()


def test_values_before_the_start_are_not_history() -> None:
    units, start = demand(series=4)
    start[:] = 10
    paths = []
    for before in (0.0, 1000.0, np.nan):
        units[:, :10] = before
        paths.append(neural_paths("lstm", units, start, HORIZON, levels=LEVELS, season=7, settings=TINY).mean)
    assert (paths[0] == paths[1]).all()
    assert (paths[0] == paths[2]).all()


def test_a_series_in_other_units_has_its_forecast_in_these_units() -> None:
    """One network, the same shape of demand ten times as large: only the volume tells them apart."""
    units, start = demand(series=8)
    model = NeuralModel.fit("lstm", units, start, HORIZON, levels=LEVELS, season=7, settings=TINY)
    small = model.predict(units, start, HORIZON).mean
    large = model.predict(10 * units, start, HORIZON).mean
    assert np.median(large / small) == pytest.approx(10, rel=0.3)


def test_what_is_not_sampled_for_training_is_forecast_all_the_same() -> None:
    units, start = demand(series=20)
    few = NeuralSettings(**{**TINY.__dict__, "train_series": 5, "predict_batch_size": 3})
    paths = neural_paths("lstm", units, start, HORIZON, levels=LEVELS, season=1, settings=few)
    assert paths.learned["trained_series"] == 5
    assert np.isfinite(paths.mean).all()


def test_the_sample_has_every_volume() -> None:
    from ml.forecasting.neural_windows import training_rows

    units = np.repeat(np.arange(100.0)[:, None], 10, axis=1)
    rows = training_rows(Arrays(units, np.zeros(100, dtype=np.int64)), 9, seed=1)
    assert [row // 11 for row in rows - 1] == list(range(9))  # 99 series with demand, 11 in each of 9 classes


def test_the_mean_is_the_integral_of_the_quantiles() -> None:
    """Exponential demand of mean 1, Q(p) = -ln(1 - p); its tail above the last level is integrated as such."""
    import torch

    from ml.forecasting.neural_training import DemandHead

    head = DemandHead([0.33])
    output = torch.tensor([[[-np.log(1 - p) for p in head.levels]]])
    assert head.mean(output).item() == pytest.approx(1.0, abs=0.02)
    assert head.quantiles(output, [0.33]).item() == pytest.approx(-np.log(0.67), abs=1e-6)
    assert head.mean(torch.full((1, 1, head.outputs), 3.0)).item() == pytest.approx(3.0)
    assert head.mean(-output).item() == 0.0


def test_the_future_of_a_window_does_not_reach_its_input() -> None:
    import torch

    from ml.forecasting.neural_windows import SeriesTensors, layout_of

    units, start = demand(series=5)
    later = units.copy()
    later[:, 20:] = 99.0
    cut = []
    for values in (units, later):
        data = Arrays(values, start)
        series = SeriesTensors(layout_of(data, HORIZON, 7, 8), data, torch.device("cpu"))
        cut.append(series.windows(torch.arange(5), torch.full((5,), 20), 30))
    for part in ("past", "seen", "known", "static", "scale"):
        assert torch.equal(getattr(cut[0], part), getattr(cut[1], part)), part
    assert not torch.equal(cut[0].target, cut[1].target)


def test_a_known_promotion_is_learned() -> None:
    """Demand is 5, and 20 where a promotion is known; four quiet and four promoted periods lie ahead."""
    random_numbers = np.random.default_rng(7)
    promoted = (random_numbers.random((40, 48)) < 0.3).astype(float)
    promoted[:, -8:] = [0, 0, 0, 0, 1, 1, 1, 1]
    units = random_numbers.poisson(np.where(promoted[:, :40] > 0, 20.0, 5.0)).astype(float)
    settings = NeuralSettings(hidden_size=12, max_steps=150, batch_size=64, input_periods=8, accelerator="cpu")
    start = np.zeros(40, dtype=np.int64)
    paths = neural_paths("lstm", units, start, 8, levels=LEVELS, season=1, exogenous=promoted[..., None], settings=settings)
    assert paths.mean[:, :4].mean() == pytest.approx(5, rel=0.2)
    assert paths.mean[:, 4:].mean() == pytest.approx(20, rel=0.2)
    within = (units[:, -8:, None] >= 0) & (paths.quantiles[..., [0]] < paths.quantiles[..., [2]])
    assert within.all()


def test_a_model_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    units, start = demand()
    known = known_features(*units.shape)
    model = NeuralModel.fit("nhits", units, start, HORIZON, levels=LEVELS, season=7, settings=TINY, **known)
    model.save(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["model.json", "weights.safetensors"]
    assert json.loads((tmp_path / "model" / "model.json").read_text())["settings"]["hidden_size"] == 8
    loaded = NeuralModel.load(tmp_path / "model")
    assert loaded.settings == model.settings
    one, two = (m.predict(units, start, HORIZON, **known) for m in (model, loaded))
    assert (one.mean == two.mean).all()
    assert (one.quantiles == two.quantiles).all()


def test_a_model_without_a_network_is_saved_too(tmp_path: Path) -> None:
    units, start = np.zeros((2, 5)), np.zeros(2, dtype=np.int64)
    NeuralModel.fit("lstm", units, start, 2, levels=LEVELS, season=1, settings=TINY).save(tmp_path)
    assert NeuralModel.load(tmp_path).predict(units, start, 2).mean.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_wrong_shapes_and_settings_are_named() -> None:
    units, start = demand()
    kwargs = {"levels": LEVELS, "season": 1, "settings": TINY}
    with pytest.raises(ValueError, match="calendar has shape"):
        neural_paths("lstm", units, start, HORIZON, calendar=np.zeros((30, 2)), **kwargs)
    with pytest.raises(ValueError, match="unknown network"):
        neural_paths("transformer", units, start, HORIZON, **kwargs)
    with pytest.raises(ValueError, match="dropout"):
        NeuralSettings(dropout=1.0)
    model = NeuralModel.fit("lstm", units, start, HORIZON, **kwargs)
    with pytest.raises(ValueError, match="fitted for 4 periods"):
        model.predict(units, start, 5)
    with pytest.raises(ValueError, match="fitted with 0 features of a kind, now given 1"):
        model.predict(units, start, HORIZON, static=np.ones((12, 1)))
