"""The network of two tasks: its stock level against the true optimum of a known demand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from forecast_frames import panel_of
from scipy import stats

from ml.forecasting import ForecastSettings
from ml.forecasting.engine import estimate_all
from ml.forecasting.multitask import MultiTaskModel, critical_ratio, multitask_paths
from ml.forecasting.neural import NeuralSettings

LEVELS = np.array([0.1, 0.5, 0.9])
HORIZON, PERIODS = 4, 60
SETTINGS = NeuralSettings(hidden_size=16, max_steps=250, batch_size=128, input_periods=16, accelerator="cpu")
TINY = NeuralSettings(
    hidden_size=8, max_steps=20, check_steps=10, last_steps=5, batch_size=32, input_periods=8, accelerator="cpu"
)


def negative_binomial(series: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Demand (series, periods) of variance 3 times the mean, and the sum's parameters: the sum is negative binomial."""
    mean = np.exp(np.linspace(np.log(1.0), np.log(20.0), series))
    size = mean / 2  # variance = mean + mean^2 / size = 3 mean
    units = np.random.default_rng(11).negative_binomial(size[:, None], 1 / 3, (series, PERIODS)).astype(float)
    return units, np.zeros(series, dtype=np.int64), size * HORIZON


def expected_cost(stock: np.ndarray, size: np.ndarray, holding: np.ndarray, shortage: np.ndarray) -> np.ndarray:
    """Expected newsvendor cost under the true distribution of the sum, by summing over its values."""
    value = np.arange(1000)
    chance = stats.nbinom.pmf(value, size[:, None], 1 / 3)
    short, over = np.maximum(value - stock[:, None], 0), np.maximum(stock[:, None] - value, 0)
    return (chance * (shortage[:, None] * short + holding[:, None] * over)).sum(axis=1)


def test_the_stock_level_costs_hardly_more_than_the_true_optimum_and_less_than_the_mean() -> None:
    units, start, size = negative_binomial()
    holding = np.ones(len(units))
    shortage = np.where(np.arange(len(units)) % 2 == 0, 4.0, 19.0)  # critical ratios 0.8 and 0.95
    costs = {"holding_cost": holding, "shortage_cost": shortage}
    paths, stock = multitask_paths(units, start, HORIZON, levels=LEVELS, season=1, **costs, settings=SETTINGS)

    best = expected_cost(stats.nbinom.ppf(critical_ratio(holding, shortage, len(units)), size, 1 / 3), size, holding, shortage)
    learned = expected_cost(stock, size, holding, shortage)
    mean = expected_cost(2 * size, size, holding, shortage)  # the true mean of the sum
    assert learned.sum() < 1.15 * best.sum()
    assert learned.sum() < 0.9 * mean.sum()
    assert paths.mean.sum() == pytest.approx(2 * size.sum(), rel=0.1)


def test_a_higher_critical_ratio_never_asks_for_less() -> None:
    units, start, _ = negative_binomial(series=30)
    one = np.ones(30)
    model = MultiTaskModel.fit(
        units, start, HORIZON, levels=LEVELS, season=1, holding_cost=one, shortage_cost=4 * one, settings=TINY
    )
    ratios = [model.predict(units, start, HORIZON, holding_cost=one, shortage_cost=c * one)[1] for c in (0.5, 1, 4, 9, 19, 99)]
    assert (np.diff(np.array(ratios), axis=0) >= 0).all()
    assert (ratios[-1] > ratios[0]).all()


def test_stock_between_two_knots_lies_on_the_line() -> None:
    import torch

    from ml.forecasting.multitask_network import RATIO_KNOTS, stock_at

    levels = torch.arange(len(RATIO_KNOTS), dtype=torch.float32)[None]  # 3 at log odds 0, 4 at log odds 1
    for odds, stock in ((0.0, 3.0), (0.5, 3.5), (1.0, 4.0), (-9.0, 0.0), (9.0, len(RATIO_KNOTS) - 1.0)):
        assert stock_at(levels, torch.sigmoid(torch.tensor([odds]))).item() == pytest.approx(stock, abs=1e-5)


def test_the_newsvendor_loss_by_hand() -> None:
    """Mean demand 3 a period, stock 1: short by 2 at ratio 0.8 costs 1.6. Stock 4: over by 1 costs 0.2."""
    import torch

    from ml.forecasting.multitask_network import RATIO_KNOTS, joint_loss
    from ml.forecasting.neural_training import DemandHead
    from ml.forecasting.neural_windows import Windows

    head = DemandHead([])
    zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    windows = Windows(zero, one, zero[..., None], zero, one, torch.tensor([[2.0, 4.0]]), torch.ones(1, 2))
    perfect = torch.tensor([2.0, 4.0])[None, :, None].expand(1, 2, head.outputs)  # quantiles that cost nothing
    for level, cost in ((1.0, 1.6), (4.0, 0.2)):
        output = perfect, torch.full((1, len(RATIO_KNOTS)), level)
        found = joint_loss(output, windows, torch.tensor([0.8]), head, 0.5, training=False)
        assert found.item() == pytest.approx(0.5 * cost, abs=1e-6)


def test_the_same_data_gives_the_same_stock_also_after_saving_and_loading(tmp_path: Path) -> None:
    units, start, _ = negative_binomial(series=20)
    costs = {"holding_cost": np.ones(20), "shortage_cost": np.full(20, 4.0)}
    kwargs = {"levels": LEVELS, "season": 1, **costs, "settings": TINY}
    paths, stock = multitask_paths(units, start, HORIZON, **kwargs)
    model = MultiTaskModel.fit(units, start, HORIZON, **kwargs)
    model.save(tmp_path)
    again, stock_again = MultiTaskModel.load(tmp_path).predict(units, start, HORIZON, **costs)
    assert (stock == stock_again).all()
    assert (paths.mean == again.mean).all()
    assert (paths.quantiles == again.quantiles).all()


def test_odd_series_have_a_defined_stock() -> None:
    units, start, _ = negative_binomial(series=5)
    units[0] = 0.0
    start[1], start[2] = PERIODS - 1, PERIODS
    costs = {"holding_cost": np.ones(5), "shortage_cost": np.full(5, 4.0)}
    paths, stock = multitask_paths(units, start, HORIZON, levels=LEVELS, season=1, **costs, settings=TINY)
    assert stock[0] == 0
    assert np.isnan(stock[2])
    assert np.isnan(paths.mean[2]).all()
    assert np.isfinite(stock[[0, 1, 3, 4]]).all()
    assert (stock[[0, 1, 3, 4]] >= 0).all()
    nothing = multitask_paths(units * 0, start, HORIZON, levels=LEVELS, season=1, **costs, settings=TINY)[1]
    assert nothing[[0, 1, 3, 4]].tolist() == [0, 0, 0, 0]


def test_costs_must_be_positive() -> None:
    assert critical_ratio(np.array([1.0]), np.array([4.0]), 1).tolist() == [0.8]
    for holding, shortage in ((0.0, 1.0), (1.0, -1.0), (np.nan, 1.0)):
        with pytest.raises(ValueError, match="positive"):
            critical_ratio(np.array([holding]), np.array([shortage]), 1)
    with pytest.raises(ValueError, match="one number"):
        critical_ratio(np.ones(2), np.ones(1), 2)


def test_it_is_a_model_of_demand_like_any_other() -> None:
    units, _, size = negative_binomial(series=60)
    settings = ForecastSettings(models=("moving_average", "multitask"), neural_steps=60, origins=2)
    made = estimate_all(panel_of(units), HORIZON, settings, singles=True)
    alone = made.estimates["multitask"]
    assert alone.was_said.all()
    assert alone.path.sum() == pytest.approx(2 * size.sum(), rel=0.2)
    assert made.weights.names == ("moving_average", "multitask")
    again = estimate_all(panel_of(units), HORIZON, settings, singles=True)
    assert again.best.path.tolist() == made.best.path.tolist()
