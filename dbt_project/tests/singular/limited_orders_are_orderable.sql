-- limits cut, fill up and put off in whole packs and never below the minimum; only a person orders what they like, and not less than nothing
select item_id, location_id, model_order_units, adjustment_units, override_order_units, order_units, moq_units, pack_units
from {{ ref("rec_orders") }}
where
    order_units < 0 or order_units is distinct from coalesce(override_order_units, model_order_units + adjustment_units)
    or (override_order_units is null and order_units > 0 and (order_units % pack_units <> 0 or order_units < moq_units))
