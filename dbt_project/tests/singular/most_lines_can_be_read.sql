{{ config(
    meta={"dagster": {"ref": {"name": "ingest_summary"}}},
    severity="error", fail_calc="coalesce(max(rejected_per_mille), 0)", warn_if="> 10", error_if="> 900",
) }}

-- over 1 % of a file's lines refused warns; over nine in ten of a file stop the run before anything is learned from the rest
select adapter, file_kind, cast(ceil(1000 * lines_rejected / lines_read) as integer) as rejected_per_mille
from {{ ref("ingest_summary") }}
where lines_read >= 100 and lines_rejected > 0
