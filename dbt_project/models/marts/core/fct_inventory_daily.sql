{{ config(materialized="view") }}

select
    item_id, location_id, inventory_date, opening_count_units, received_units, sold_units, recorded_adjustment_units,
    adjusted_units, closing_units, valid_days
from {{ ref("int_stock_ledger") }}
