-- what people said of weeks of the protection interval, less what the model said of them; the interval may end within a week
with shifts as (
    select
        targets.item_id, targets.location_id,
        {{ exact_sum(
            "(forecast.planned_units - forecast.mean_units)"
            ~ " * greatest(least(targets.horizon_days - (forecast.week_start_date - targets.as_of_date - 1), 7), 0) / 7"
        ) }} as shift_units
    from {{ ref("rec_demand_forecast") }} as forecast
    inner join {{ ref("rec_policy_targets") }} as targets
        on forecast.item_id = targets.item_id and forecast.location_id = targets.location_id
    where forecast.override_days is not null
    group by targets.item_id, targets.location_id
)

-- nobody can expect less than nothing
select
    targets.as_of_date, targets.item_id, targets.location_id, targets.model, targets.policy, targets.policy_reason, targets.batch_rule,
    targets.cycle_service_level, targets.horizon_days, targets.mean_units, targets.reorder_units, targets.target_units,
    targets.fixed_lead_time_target_units,
    case when shifts.shift_units is null then 0 else greatest(shifts.shift_units, -targets.reorder_units) end as override_shift_units,
    targets.run_id
from {{ ref("rec_policy_targets") }} as targets
left join shifts on targets.item_id = shifts.item_id and targets.location_id = shifts.location_id
