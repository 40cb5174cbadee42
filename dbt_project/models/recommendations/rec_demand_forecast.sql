select
    forecasts.as_of_date, forecasts.item_id, forecasts.location_id, forecasts.model, forecasts.week_start_date,
    forecasts.mean_units, forecasts.p10_units, forecasts.p50_units, forecasts.p90_units, forecasts.run_id
from {{ ref("stg_ml__demand_forecasts") }} as forecasts
inner join {{ ref("rec_champion") }} as champions
    on forecasts.item_id = champions.item_id and forecasts.location_id = champions.location_id
    and forecasts.model = champions.champion_model
