{{ config(materialized="view") }}

select
    scores.as_of_date, scores.item_id, scores.location_id, scores.model,
    scores.model = champions.champion_model as is_champion,
    scores.horizon_weeks, scores.origins,
    -- wape is the mean error over the mean of what was sold
    scores.mae_units / nullif(scores.wape, 0) as actual_units,
    scores.mae_units / nullif(scores.wape, 0) + scores.bias_units as predicted_units,
    scores.mae_units, scores.bias_units, scores.wape, scores.pinball_units, scores.decision_cost_usd
from {{ ref("stg_ml__series_metrics") }} as scores
inner join {{ ref("rec_champion") }} as champions
    on scores.item_id = champions.item_id and scores.location_id = champions.location_id
