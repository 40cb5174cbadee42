select
    photo, row_of_photo, is_listed, is_there, inspected_date, item_id, location_id, vendor_id, lot_id, inspected_units, label, model_verdict, verdict,
    is_counted, problem, problem_reason
from {{ ref("int_inspection_photos") }}
where problem is not null
