{{ config(
    meta={"dagster": {"ref": {"name": "ingest_summary"}}},
    severity="error", fail_calc="coalesce(max(reject_share), 0)", warn_if="> 0.01", error_if="> 0.5",
) }}

-- over 1 % of a file's lines refused warns; over half of a file stops the run before anything is learned from the rest
select adapter, file_kind, lines_rejected / lines_read as reject_share
from {{ ref("ingest_summary") }}
where lines_read >= 100 and lines_rejected > 0
