-- all weeks of history and 26 weeks ahead, counted back from the as-of day and on from it
with weeks as (
    select {{ as_of() }} + 1 + cast(7 * unnest(range(-cast(max(weeks) as bigint), 26)) as integer) as week_start_date
    from {{ ref("int_demand_profile") }}
),

holidays as (
    select
        locations.location_id, {{ as_of() }} + 1 + cast(7 * floor((events.calendar_date - {{ as_of() }} - 1) / 7) as integer) as week_start_date,
        count(distinct events.calendar_date) as holiday_days
    from {{ ref("int_calendar_events") }} as events
    inner join {{ ref("int_locations") }} as locations
        on coalesce(events.location_id, locations.location_id) = locations.location_id
    where events.is_holiday
    group by 1, 2
)

select
    locations.location_id, weeks.week_start_date,
    cast(coalesce(holidays.holiday_days, 0) as integer) as holiday_days,
    -- of the middle day, in whose month and year most days of the week lie
    cast(month(weeks.week_start_date + 3) as integer) as month,
    cast(quarter(weeks.week_start_date + 3) as integer) as quarter,
    cast(week(weeks.week_start_date + 3) as integer) as week_of_year
from weeks
cross join {{ ref("int_locations") }} as locations
left join holidays on locations.location_id = holidays.location_id and weeks.week_start_date = holidays.week_start_date
