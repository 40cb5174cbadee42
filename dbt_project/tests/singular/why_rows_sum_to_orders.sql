{{ config(meta={"dagster": {"ref": {"name": "rec_why"}}}) }}

-- where stock is unknown there is no order, unless a person says one, and the terms explain the target level
with explained as (
    select
        orders.item_id, orders.location_id,
        case
            when as_of.is_stock_known or orders.override_order_units is not null then orders.order_units
            else orders.reorder_point_units
        end as units
    from {{ ref("rec_orders") }} as orders
    cross join {{ ref("int_as_of") }} as as_of
)

select explained.item_id, explained.location_id, explained.units, sum(why.term_units) as why_units
from explained
left join {{ ref("rec_why") }} as why on explained.item_id = why.item_id and explained.location_id = why.location_id
group by explained.item_id, explained.location_id, explained.units
having sum(why.term_units) is distinct from explained.units
