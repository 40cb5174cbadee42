{{ config(meta={"dagster": {"ref": {"name": "rec_orders"}}}) }}

-- an item that is held somewhere and has no row among the orders would be forgotten in silence
with held as (
    select item_id, location_id from {{ ref("int_inventory_item_location") }}
    union
    select item_id, location_id from {{ ref("int_purchase_lines") }} where receipt_date is null
)

select held.item_id, held.location_id
from held
left join {{ ref("rec_orders") }} as orders on held.item_id = orders.item_id and held.location_id = orders.location_id
where orders.item_id is null
