{{ config(materialized="view") }}

-- the source's own calendar for the days it speaks of, and the public holidays of its country for those before and after
select calendar_date, location_id, event_name, is_holiday, is_closed
from {{ ref("stg_calendar_events") }}
union all
select holiday_date, cast(null as integer) as location_id, holiday_name, true, false
from {{ source("reference", "public_holidays") }}
where holiday_date not between
    coalesce((select min(calendar_date) from {{ ref("stg_calendar_events") }}), date '9999-12-31')
    and coalesce((select max(calendar_date) from {{ ref("stg_calendar_events") }}), date '0001-01-01')
