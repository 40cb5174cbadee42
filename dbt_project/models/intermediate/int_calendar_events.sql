{{ config(materialized="view") }}

-- the retailer's own calendar where there is one, else the public holidays of its country
select calendar_date, location_id, event_name, is_holiday, is_closed
from {{ ref("stg_calendar_events") }}
union all
select holiday_date, cast(null as integer) as location_id, holiday_name, true, false
from {{ source("reference", "public_holidays") }}
where not exists (select 1 from {{ ref("stg_calendar_events") }})
