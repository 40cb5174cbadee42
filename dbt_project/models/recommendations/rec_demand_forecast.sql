with forecasts as (
    select forecasts.*
    from {{ ref("stg_ml__demand_forecasts") }} as forecasts
    inner join {{ ref("rec_champion") }} as champions
        on forecasts.item_id = champions.item_id and forecasts.location_id = champions.location_id
        and forecasts.model = champions.champion_model
),

-- the days an override speaks of may lie in two weeks of the forecast: each of them stands for a seventh
shares as (
    select
        forecasts.item_id, forecasts.location_id, forecasts.week_start_date, overrides.override_units, overrides.reason,
        7 - abs(overrides.week_start_date - forecasts.week_start_date) as days
    from {{ ref("int_forecast_overrides") }} as overrides
    inner join forecasts
        on overrides.item_id = forecasts.item_id and overrides.location_id = forecasts.location_id
        and overrides.week_start_date between forecasts.week_start_date - 6 and forecasts.week_start_date + 6
),

said as (
    select
        item_id, location_id, week_start_date, cast(sum(days) as integer) as override_days,
        {{ exact_sum("override_units * days / 7") }} as override_units,
        string_agg(distinct reason, '; ' order by reason) as override_reason
    from shares
    group by item_id, location_id, week_start_date
)

select
    forecasts.as_of_date, forecasts.item_id, forecasts.location_id, forecasts.model, forecasts.week_start_date,
    forecasts.mean_units, forecasts.p10_units, forecasts.p50_units, forecasts.p90_units,
    said.override_days, said.override_units, said.override_reason,
    case
        when said.override_days is null then forecasts.mean_units
        else forecasts.mean_units * (7 - said.override_days) / 7 + said.override_units
    end as planned_units,
    forecasts.run_id, runs.data_hash, runs.code_hash, runs.seed
from forecasts
left join {{ ref("stg_ml__model_runs") }} as runs on forecasts.run_id = runs.run_id and forecasts.model = runs.model
left join said
    on forecasts.item_id = said.item_id and forecasts.location_id = said.location_id and forecasts.week_start_date = said.week_start_date
