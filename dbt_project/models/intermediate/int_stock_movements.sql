{{ config(materialized="view") }}

-- one row per thing that moved stock, before they are added up by day
select
    location_id, item_id, count_date as inventory_date, counted_units as opening_units, 0 as received_units, 0 as sold_units,
    cast(0 as decimal(18, 2)) as revenue_usd
from {{ ref("int_opening_stock") }}
union all
select location_id, item_id, receipt_date, 0, received_units, 0, 0
from {{ ref("int_purchase_lines") }}
where receipt_date is not null
union all
select location_id, item_id, sale_date, 0, 0, sold_units, revenue_usd
from {{ ref("stg_sales") }}
where sale_date <= {{ as_of() }}
