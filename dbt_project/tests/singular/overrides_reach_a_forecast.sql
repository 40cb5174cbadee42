{{ config(severity="warn", meta={"dagster": {"ref": {"name": "rec_demand_forecast"}}}) }}
-- what people say of weeks beyond the last forecast, or of items without one, changes no order yet: they should know
with reach as (
    select item_id, location_id, max(week_start_date) + 6 as last_date
    from {{ ref("rec_demand_forecast") }}
    group by item_id, location_id
)

select overrides.item_id, overrides.location_id, overrides.week_start_date, overrides.override_units, overrides.reason, reach.last_date
from {{ ref("int_forecast_overrides") }} as overrides
left join reach on overrides.item_id = reach.item_id and overrides.location_id = reach.location_id
where overrides.week_start_date + 6 > {{ as_of() }} and coalesce(overrides.week_start_date > reach.last_date, true)
