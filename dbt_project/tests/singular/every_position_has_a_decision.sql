{{ config(meta={"dagster": {"ref": {"name": "rec_orders"}}}) }}

-- an item that is held somewhere and has no row among the orders would be forgotten in silence
select position.item_id, position.location_id
from {{ ref("rec_inventory_position") }} as position
left join {{ ref("rec_orders") }} as orders
    on position.item_id = orders.item_id and position.location_id = orders.location_id
where orders.item_id is null
