-- a correction repeats its days; other days of the same item and store that overlap them would be two opinions of one day
select item_id, location_id, week_start_date, override_units
from (
    select
        *,
        lag(week_start_date) over (partition by item_id, location_id order by week_start_date, entered_at) as previous_start_date
    from {{ ref("forecast_overrides") }}
)
where override_units < 0 or (previous_start_date <> week_start_date and previous_start_date > week_start_date - 7)
