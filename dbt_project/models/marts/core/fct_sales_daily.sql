{{ config(materialized="view") }}

select item_id, location_id, inventory_date as sale_date, sold_units, revenue_usd
from {{ ref("int_stock_ledger") }}
where sold_units > 0
