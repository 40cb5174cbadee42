select entry_id, as_of_date, entered_by, entered_at, alert_id, note
from {{ source("input", "alert_acknowledgements") }}
where source_key = {{ source_key() }}
