select
    entry_id, as_of_date, entered_by, entered_at, photo_hash, label, note
from {{ source("input", "inspection_labels") }}
where source_key = {{ source_key() }}
