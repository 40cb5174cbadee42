-- what people order instead on the as-of day, as entered by then; the last word counts
select
    item_id, location_id, order_units as override_order_units, reason as override_reason, who_role as override_role
from {{ ref("order_overrides") }}
where {{ as_of() }} between valid_from and valid_to and cast(entered_at as date) <= {{ as_of() }} and order_units >= 0
qualify row_number() over (partition by item_id, location_id order by entered_at desc, order_units desc, reason, who_role) = 1
