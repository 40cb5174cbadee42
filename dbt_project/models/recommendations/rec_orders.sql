select
    as_of_date, item_id, location_id, vendor_id, abc_class, model, cycle_service_level, horizon_days,
    demand_units, demand_safety_stock_units, lead_time_safety_stock_units,
    cast(demand_safety_stock_units + lead_time_safety_stock_units as decimal(18, 4)) as safety_stock_units,
    override_shift_units, reorder_point_units, on_hand_units, usable_on_hand_units, on_order_units, backorder_units, inventory_position_units,
    need_units, economic_order_units, moq_units, pack_units, order_units,
    cast(order_units * unit_cost_usd as decimal(18, 2)) as order_usd,
    -- how long stock AND open orders last at the expected demand, in days from the as-of day
    case when daily_demand_units > 0 then inventory_position_units / daily_demand_units end as cover_days,
    case
        when demand_units = 0 and order_units = 0 then 'no demand expected'
        when order_units is null then 'stock is not known: only the target level is given'
        when is_dormant then 'not bought or sold for long and nothing there: taken for dropped'
        when order_units = 0 then 'stock and open orders reach beyond the next chance to order'
        when usable_on_hand_units = 0 and on_order_units = 0 then 'out of stock and nothing on order'
        when usable_on_hand_units = 0 then 'out of stock and the open orders are not enough'
        else 'position below the reorder point'
    end as reason,
    run_id
from {{ ref("rec_order_terms") }}
