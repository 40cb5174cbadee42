select inspected_date, vendor_id, item_id, location_id, inspected_units, defective_units
from {{ ref("stg_inspections") }}
where inspected_date <= {{ as_of() }}
