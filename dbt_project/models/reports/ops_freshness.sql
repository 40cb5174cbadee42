{{ config(materialized="view") }}

{# without a rhythm of its own, a file that nobody has changed for a week is stale; with one, after three of its gaps #}
{% set quiet_days, gaps = 7, 3 %}

with files as (
    select
        *,
        datediff('second', newest_file_at, recorded_at) / 86400 as file_age_days,
        as_of_date - newest_data_date as data_age_days,
        cast(greatest(2, coalesce(ceil({{ gaps }} * usual_gap_days), {{ quiet_days }})) as integer) as limit_days,
        -- a kind of file that this source has had before
        file_count = 0 and max(file_count) over (
            partition by source_key, adapter, file_kind order by recorded_at, run_id
        ) > 0 as is_missing,
        recorded_at = max(recorded_at) over () as is_latest
    from {{ source("ops", "files") }}
)

select
    run_id, recorded_at, as_of_date, adapter, file_kind, file_count, newest_file_at, file_age_days, newest_data_date,
    cast(data_age_days as integer) as data_age_days, limit_days, is_missing,
    -- stale is what has no news, whether its days or its file say so
    coalesce(data_age_days > limit_days, false)
    or coalesce(usual_gap_days is not null and file_age_days > greatest(limit_days, {{ quiet_days }}), false) as is_stale,
    is_latest
from files
