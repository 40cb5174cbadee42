-- never negative, always whole packs of at least the minimum, and never without need; unknown where stock is, and only there
select item_id, location_id, order_units, moq_units, pack_units, need_units
from {{ ref("rec_order_terms") }}
cross join (select is_stock_known from {{ ref("int_as_of") }})
where
    (order_units is not null) <> is_stock_known or order_units < 0 or order_units % pack_units <> 0
    or (order_units > 0 and (order_units < moq_units or need_units <= 0 or order_units < need_units))
    or (order_units = 0 and need_units > 0 and not is_dormant)
