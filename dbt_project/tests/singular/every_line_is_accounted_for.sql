{{ config(meta={"dagster": {"ref": {"name": "ingest_summary"}}}) }}

-- read = blank + rejected + staged, for every file; and what is rejected stands in `rejects`, line by line
select summary.file_kind, summary.lines_read, summary.lines_blank, summary.lines_rejected, summary.lines_staged, kept.lines_kept
from {{ ref("ingest_summary") }} as summary
left join (select file_kind, count(*) as lines_kept from {{ ref("rejects") }} group by file_kind) as kept
    on summary.file_kind = kept.file_kind
where
    summary.lines_read <> summary.lines_blank + summary.lines_rejected + summary.lines_staged
    or summary.lines_rejected <> coalesce(kept.lines_kept, 0)
