select
    entry_id, as_of_date, entered_by, entered_at, item_id, location_id, week_start_date, override_units, reason
from {{ source("input", "forecast_overrides") }}
where source_key = {{ source_key() }}
