{{ config(materialized="view") }}

{# rows are unusual where they are this share fewer or more than before, and where this share of lines is refused #}
{% set change, rejects = 0.3, 0.01 %}

with counted as (
    select
        run_id, source_key, recorded_at, as_of_date, 'file' as object_kind, adapter || '.' || file_kind as object_name,
        row_count, rejected_count
    from {{ source("ops", "files") }}
    union all
    select
        run_id, source_key, recorded_at, as_of_date, 'table' as object_kind, table_name as object_name,
        row_count, cast(null as bigint) as rejected_count
    from {{ source("ops", "table_rows") }}
),

compared as (
    select
        *,
        lag(row_count) over before as previous_row_count,
        cast(median(row_count) over (
            partition by source_key, object_kind, object_name order by recorded_at, run_id rows between 10 preceding and 1 preceding
        ) as double) as usual_row_count,
        recorded_at = max(recorded_at) over () as is_latest
    from counted
    window before as (partition by source_key, object_kind, object_name order by recorded_at, run_id)
)

select
    run_id, recorded_at, as_of_date, object_kind, object_name, row_count, previous_row_count, usual_row_count,
    row_count / nullif(usual_row_count, 0) - 1 as change_share,
    rejected_count,
    rejected_count / nullif(row_count, 0) as reject_share,
    -- the first rows of a table that was empty are no surprise; that all are gone is one
    coalesce(abs(row_count / nullif(usual_row_count, 0) - 1) > {{ change }}, false)
    or coalesce(rejected_count / nullif(row_count, 0) > {{ rejects }}, false) as is_unusual,
    is_latest
from compared
