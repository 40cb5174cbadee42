-- the two published quantiles around the service level, and the line between them
with champion_demand as (
    select demand.*, terms.cycle_service_level
    from {{ ref("stg_ml__lead_time_demand") }} as demand
    inner join {{ ref("rec_champion") }} as champions
        on demand.item_id = champions.item_id and demand.location_id = champions.location_id
        and demand.model = champions.champion_model
    inner join {{ ref("int_item_location_terms") }} as terms
        on demand.item_id = terms.item_id and demand.location_id = terms.location_id
),

bracketed as (
    select
        as_of_date, item_id, location_id, model, cycle_service_level, run_id,
        max(horizon_days) as horizon_days,
        max(mean_units) as mean_units,
        max(quantile) filter (where quantile <= cycle_service_level) as lower_quantile,
        min(quantile) filter (where quantile >= cycle_service_level) as upper_quantile,
        -- quantiles rise with their level, so the nearest below is the largest and the nearest above the smallest
        max(quantile_units) filter (where quantile <= cycle_service_level) as lower_units,
        min(quantile_units) filter (where quantile >= cycle_service_level) as upper_units,
        max(fixed_lead_time_units) filter (where quantile <= cycle_service_level) as lower_fixed_units,
        min(fixed_lead_time_units) filter (where quantile >= cycle_service_level) as upper_fixed_units
    from champion_demand
    group by as_of_date, item_id, location_id, model, cycle_service_level, run_id
),

weighted as (
    select
        *,
        coalesce((cycle_service_level - lower_quantile) / nullif(upper_quantile - lower_quantile, 0), 0) as upper_weight
    from bracketed
),

-- what people said of weeks of the protection interval, less what the model said of them; the interval may end within a week
shifts as (
    select
        weighted.item_id, weighted.location_id,
        {{ exact_sum(
            "(forecast.planned_units - forecast.mean_units)"
            ~ " * greatest(least(weighted.horizon_days - (forecast.week_start_date - weighted.as_of_date - 1), 7), 0) / 7"
        ) }} as shift_units
    from {{ ref("rec_demand_forecast") }} as forecast
    inner join weighted on forecast.item_id = weighted.item_id and forecast.location_id = weighted.location_id
    where forecast.override_days is not null
    group by weighted.item_id, weighted.location_id
),

targets as (
    select
        *,
        coalesce(lower_units, upper_units)
        + upper_weight * (coalesce(upper_units, lower_units) - coalesce(lower_units, upper_units)) as target_units,
        coalesce(lower_fixed_units, upper_fixed_units)
        + upper_weight * (coalesce(upper_fixed_units, lower_fixed_units) - coalesce(lower_fixed_units, upper_fixed_units))
            as fixed_lead_time_target_units
    from weighted
)

-- outside the published quantiles the nearest one stands; nobody can expect less than nothing
select
    targets.as_of_date, targets.item_id, targets.location_id, targets.model, targets.cycle_service_level, targets.horizon_days,
    targets.mean_units, targets.target_units, targets.fixed_lead_time_target_units,
    case when shifts.shift_units is null then 0 else greatest(shifts.shift_units, -targets.target_units) end as override_shift_units,
    targets.run_id
from targets
left join shifts on targets.item_id = shifts.item_id and targets.location_id = shifts.location_id
