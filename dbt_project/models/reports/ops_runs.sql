{{ config(materialized="view") }}

{# a run is slow from this many times its usual duration, and by more than a minute #}
{% set slow_ratio = 2 %}

with runs as (
    select *, datediff('millisecond', started_at, finished_at) / 1000 as duration_seconds from {{ source("ops", "runs") }}
),

compared as (
    select
        *,
        median(case when status = 'success' then duration_seconds end) over (
            partition by job_name, source_key order by started_at, run_id rows between 10 preceding and 1 preceding
        ) as usual_duration_seconds,
        started_at = max(started_at) over () as is_latest
    from runs
)

select
    run_id, job_name, launched_by, status, as_of_date, started_at, finished_at, duration_seconds, usual_duration_seconds,
    coalesce(
        duration_seconds > {{ slow_ratio }} * usual_duration_seconds and duration_seconds > usual_duration_seconds + 60, false
    ) as is_slow,
    step_count, slowest_step, slowest_step_seconds, failed_step, failure_message, failed_check_count, warned_check_count, is_latest
from compared
