with days as (
    select
        signals.signal_name as name, locations.location_id, signals.signal_date,
        -- a store's own value counts before the one for all
        coalesce(avg(signals.signal_value) filter (where signals.location_id is not null), avg(signals.signal_value)) as value
    from {{ ref("int_external_signals") }} as signals
    inner join {{ ref("int_locations") }} as locations
        on coalesce(signals.location_id, locations.location_id) = locations.location_id
    where signals.signal_value is not null
    group by signals.signal_name, locations.location_id, signals.signal_date
)

select
    location_id, {{ as_of() }} - cast(7 * (({{ as_of() }} - signal_date) // 7) + 6 as integer) as week_start_date, name,
    {{ exact_sum("value") }} / count(*) as value
from days
where signal_date > {{ as_of() }} - cast(7 * (select demand_history_weeks from {{ ref("int_policy") }}) as integer)
group by 1, 2, 3
