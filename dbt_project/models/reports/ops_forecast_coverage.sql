{{ config(materialized="view") }}

{# fewer than this share of the items in stores with a forecast, or this much less than before, is low #}
{% set share, fall = 0.95, 0.02 %}

with compared as (
    select
        *,
        forecast_count / series_count as forecast_share,
        lag(forecast_count / series_count) over (
            partition by source_key, abc_class order by recorded_at, run_id
        ) as previous_forecast_share,
        recorded_at = max(recorded_at) over () as is_latest
    from {{ source("ops", "forecast_counts") }}
)

select
    run_id, recorded_at, as_of_date, abc_class, series_count, forecast_count, forecast_share, previous_forecast_share,
    interval_coverage_80, drifting_count,
    forecast_share < {{ share }} or coalesce(forecast_share < previous_forecast_share - {{ fall }}, false) as is_low,
    is_latest
from compared
