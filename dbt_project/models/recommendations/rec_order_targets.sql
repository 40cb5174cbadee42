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
)

-- outside the published quantiles the nearest one stands
select
    as_of_date, item_id, location_id, model, cycle_service_level, horizon_days, mean_units,
    coalesce(lower_units, upper_units)
    + upper_weight * (coalesce(upper_units, lower_units) - coalesce(lower_units, upper_units)) as target_units,
    coalesce(lower_fixed_units, upper_fixed_units)
    + upper_weight * (coalesce(upper_fixed_units, lower_fixed_units) - coalesce(lower_fixed_units, upper_fixed_units))
        as fixed_lead_time_target_units,
    run_id
from weighted
