select
    entry_id, as_of_date, entered_by, entered_at, photo_hash, label, note
from {{ source("input", "inspection_labels") }}
where source_key = {{ source_key() }}
qualify row_number() over (partition by photo_hash order by entered_at desc, entry_id) = 1
