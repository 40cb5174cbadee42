{{ config(materialized="view") }}

-- the ledger's days with a sale: a table of its own would store the 13 million lines of a year a second time
select item_id, location_id, inventory_date as sale_date, sold_units, revenue_usd
from {{ ref("int_stock_ledger") }}
where sold_units > 0
