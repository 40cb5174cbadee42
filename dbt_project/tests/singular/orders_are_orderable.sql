-- never negative, always whole packs of at least the minimum, within the limits, and never without need; unknown where stock is, and
-- only there; less than the need only where a limit, a level not reached or a dropped item says so
select item_id, location_id, order_units, moq_units, pack_units, need_units
from {{ ref("rec_order_terms") }}
cross join (select is_stock_known from {{ ref("int_as_of") }})
where
    (order_units is not null) <> is_stock_known or order_units < 0 or order_units % pack_units <> 0
    or (order_units > 0 and (order_units < moq_units or need_units <= 0 or is_dormant or not is_reorder_level_reached))
    or (order_units > 0 and (order_units > max_stock_room_units or order_units > shelf_life_room_units))
    or (
        order_units < need_units and not is_dormant and is_reorder_level_reached
        and max_stock_cut_units = 0 and shelf_life_cut_units = 0
    )
    or order_units <> packed_units + max_stock_cut_units + shelf_life_cut_units
