-- a free Saturday or Sunday is no event: what the source calls a holiday on another day is
select
    calendar_date, cast(null as integer) as location_id, 'Holiday' as event_name, true as is_holiday, false as is_closed
from {{ ref("base_freshretail__days") }}
where reject is null and is_day_off and isodow(calendar_date) < 6
group by calendar_date
