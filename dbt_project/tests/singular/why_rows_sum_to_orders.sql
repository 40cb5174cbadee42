{{ config(meta={"dagster": {"ref": {"name": "rec_why"}}}) }}

select orders.item_id, orders.location_id, orders.order_units, sum(why.term_units) as why_units
from {{ ref("rec_orders") }} as orders
left join {{ ref("rec_why") }} as why on orders.item_id = why.item_id and orders.location_id = why.location_id
group by orders.item_id, orders.location_id, orders.order_units
having sum(why.term_units) is distinct from orders.order_units
