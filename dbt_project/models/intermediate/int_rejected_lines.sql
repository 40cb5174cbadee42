select
    adapter, file_kind, lines_read - lines_blank as lines_with_content, lines_rejected,
    lines_rejected / (lines_read - lines_blank) as rejected_share
from {{ ref("ingest_summary") }}
where lines_rejected > 0
