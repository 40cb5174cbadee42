{{ config(materialized="view") }}

select
    cast(purchase_order_id as integer) as purchase_order_id, cast(item_id as integer) as item_id,
    cast(location_id as integer) as location_id, cast(coalesce(vendor_id, 0) as integer) as vendor_id,
    order_date, receipt_date,
    cast(ordered_units as double) as ordered_units
from {{ ref("int_purchase_lines") }}
where order_date <= coalesce(receipt_date, order_date)
