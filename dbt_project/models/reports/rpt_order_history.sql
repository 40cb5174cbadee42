{{ config(materialized="view") }}

select
    as_of_date, item_id, location_id, vendor_id, is_rebuilt, model, policy, demand_units, safety_stock_units, reorder_point_units,
    inventory_position_units, order_units, order_usd, reason, run_id, recorded_at
from {{ source("ops", "order_history") }}
where source_key = {{ source_key() }}
