{{ config(meta={"dagster": {"ref": {"name": "ingest_summary"}}}) }}

-- read = blank + rejected + staged, for every file; and what is rejected stands in `rejects`, line by line
select summary.adapter, summary.file_kind, summary.lines_read, summary.lines_blank, summary.lines_rejected, summary.lines_staged, kept.lines_kept
from {{ ref("ingest_summary") }} as summary
left join (select adapter, file_kind, count(*) as lines_kept from {{ ref("rejects") }} group by all) as kept
    on summary.adapter = kept.adapter and summary.file_kind = kept.file_kind
where
    summary.lines_read <> summary.lines_blank + summary.lines_rejected + summary.lines_staged
    or summary.lines_rejected <> coalesce(kept.lines_kept, 0)
