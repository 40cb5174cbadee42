select
    entry_id, as_of_date, entered_by, entered_at, item_id, location_id, valid_from, valid_to, order_units, reason
from {{ source("input", "order_overrides") }}
where source_key = {{ source_key() }}
