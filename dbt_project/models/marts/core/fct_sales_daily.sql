{{ config(materialized="view") }}

select item_id, location_id, sale_date, sold_units, revenue_usd
from {{ ref("int_sales_daily") }}
