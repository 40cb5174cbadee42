{{ config(materialized="view") }}

-- columns are kept of the runs in which they differ from the run before; each such run is compared with the one before it
with runs as (
    select
        run_id, source_key, recorded_at, as_of_date,
        lag(run_id) over (partition by source_key order by recorded_at, run_id) as previous_run_id
    from (select distinct run_id, source_key, recorded_at, as_of_date from {{ source("ops", "table_columns") }})
),

columns as (
    select run_id, object_name, column_name, column_type from {{ source("ops", "table_columns") }}
),

latest as (
    select max(recorded_at) as recorded_at from {{ source("ops", "table_rows") }}
),

added_or_retyped as (
    select
        runs.run_id, runs.recorded_at, runs.as_of_date, columns.object_name, columns.column_name,
        case when earlier.column_name is null then 'added' else 'retyped' end as change_kind,
        earlier.column_type as old_type, columns.column_type as new_type
    from runs
    inner join columns on runs.run_id = columns.run_id
    left join columns as earlier
        on runs.previous_run_id = earlier.run_id and columns.object_name = earlier.object_name
        and columns.column_name = earlier.column_name
    where runs.previous_run_id is not null and earlier.column_type is distinct from columns.column_type
),

removed as (
    select
        runs.run_id, runs.recorded_at, runs.as_of_date, earlier.object_name, earlier.column_name,
        'removed' as change_kind, earlier.column_type as old_type, cast(null as varchar) as new_type
    from runs
    inner join columns as earlier on runs.previous_run_id = earlier.run_id
    left join columns
        on runs.run_id = columns.run_id and earlier.object_name = columns.object_name and earlier.column_name = columns.column_name
    where columns.column_name is null
),

changes as (
    from added_or_retyped
    union all by name
    from removed
)

select
    changes.run_id, changes.recorded_at, changes.as_of_date, changes.object_name, changes.column_name, changes.change_kind,
    changes.old_type, changes.new_type, coalesce(changes.recorded_at = latest.recorded_at, false) as is_latest
from changes cross join latest
