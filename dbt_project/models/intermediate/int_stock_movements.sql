{{ config(materialized="view") }}

-- what moves stock besides sales, before it is added up by day
select
    location_id, item_id, count_date as inventory_date, counted_units as opening_count_units, 0 as received_units,
    0 as recorded_adjustment_units
from {{ ref("int_opening_stock") }}
union all
select location_id, item_id, receipt_date, 0, received_units, 0
from {{ ref("int_purchase_lines") }}
where receipt_date is not null
union all
select location_id, item_id, adjustment_date, 0, 0, recorded_adjustment_units
from {{ ref("int_recorded_adjustments") }}
union all
-- a source that reports hours instead of stock: nothing moves on the first day, but the item is in the range from then on
select location_id, item_id, min(stock_out_date), 0, 0, 0
from {{ ref("stg_stock_out_hours") }}
where stock_out_date <= {{ as_of() }}
group by location_id, item_id
