{{ config(materialized="view") }}

select
    purchase_order_id, item_id, location_id, vendor_id, order_date, receipt_date,
    ordered_units, received_units, ordered_units - received_units as open_units, purchase_usd,
    cast(receipt_date - order_date as integer) as lead_time_days
from {{ ref("int_purchase_lines") }}
