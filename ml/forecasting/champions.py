"""Which single models the orders will use: the rule of rec_champion_segments, so that exactly what SQL chooses is written.

Belongs here: that rule on arrays of scores. Does not belong here: the scores, and the choice itself, which stays SQL's.
`tests/integration/test_champions_in_sql.py` holds the two together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.scores import SeriesScores
from ml.forecasting.settings import ForecastSettings


def champion(found: dict[str, SeriesScores], incumbent: str, member: NDArray[np.bool_], settings: ForecastSettings) -> str | None:
    """The model that beats `incumbent` over the `member` series (series,) by more than noise and saves most; None where none does.

    Compared is the cost of decisions, or pinball loss where the incumbent's cost is known for too few series.
    """
    costed = np.isfinite(found[incumbent].columns["decision_cost"][member]).sum()
    measure = "decision_cost" if costed >= settings.champion_min_series else "pinball"
    own = found[incumbent].columns[measure][member]
    winners = []
    for name, scored in found.items():
        # exact in whole millionths, as SQL's decimals are: what is equal there must be equal here
        difference = np.rint((scored.columns[measure][member] - own) * 1e6)
        difference = difference[np.isfinite(difference)]
        if name == incumbent or len(difference) < max(settings.champion_min_series, 2):
            continue
        mean = round(difference.mean() / 1e6, 6)
        standard_error = round(difference.std(ddof=1) / np.sqrt(len(difference)) / 1e6, 6)
        if mean < -settings.champion_standard_errors * standard_error:
            winners.append((mean, name))
    return min(winners)[1] if winners else None
