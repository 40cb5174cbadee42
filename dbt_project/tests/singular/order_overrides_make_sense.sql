-- a word nobody can follow: less than nothing, a period that ends before it begins, an item that is not held at the store
select overrides.item_id, overrides.location_id, overrides.valid_from, overrides.valid_to, overrides.order_units
from {{ ref("order_overrides") }} as overrides
left join {{ ref("rec_orders") }} as orders on overrides.item_id = orders.item_id and overrides.location_id = orders.location_id
where
    overrides.order_units < 0 or overrides.valid_to < overrides.valid_from
    or (orders.item_id is null and {{ as_of() }} between overrides.valid_from and overrides.valid_to)
