{{ config(materialized="table") }}

-- every item's line repeats its store's weather: once per store and day is enough, and does not grow with the range
with weather as (
    select
        calendar_date, location_id, max(precipitation_mm) as precipitation_mm, max(temperature_celsius) as temperature_celsius,
        max(humidity_percent) as humidity_percent, max(wind_level) as wind_level
    from {{ ref("base_freshretail__days") }}
    where reject is null
    group by calendar_date, location_id
)

select calendar_date as signal_date, location_id, signal_name, signal_value
from weather
unpivot (signal_value for signal_name in (precipitation_mm, temperature_celsius, humidity_percent, wind_level))
