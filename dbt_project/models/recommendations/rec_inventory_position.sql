with on_order as (
    select location_id, item_id, cast(sum(ordered_units - received_units) as integer) as on_order_units
    from {{ ref("int_purchase_lines") }}
    where receipt_date is null
    group by location_id, item_id
)

select
    {{ as_of() }} as as_of_date,
    terms.item_id, terms.location_id,
    coalesce(stock.closing_units, 0) as on_hand_units,
    -- books below zero are an error of the books: nothing is there to sell
    greatest(coalesce(stock.closing_units, 0), 0) as usable_on_hand_units,
    coalesce(on_order.on_order_units, 0) as on_order_units,
    -- a shop's customers do not wait: demand that was not met is lost, not owed
    0 as backorder_units,
    greatest(coalesce(stock.closing_units, 0), 0) + coalesce(on_order.on_order_units, 0) as inventory_position_units
from {{ ref("int_item_location_terms") }} as terms
left join {{ ref("int_inventory_item_location") }} as stock
    on terms.item_id = stock.item_id and terms.location_id = stock.location_id
left join on_order on terms.item_id = on_order.item_id and terms.location_id = on_order.location_id
