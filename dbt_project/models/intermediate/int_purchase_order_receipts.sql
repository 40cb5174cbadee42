select
    purchase_order_id, vendor_id, order_date, receipt_date,
    cast(count(*) as integer) as line_count,
    cast(sum(cast(ordered_units as double)) as bigint) as ordered_units,
    cast(sum(cast(received_units as double)) as bigint) as received_units,
    cast(sum(purchase_usd) as decimal(18, 2)) as purchase_usd
from {{ ref("int_purchase_lines") }}
group by all
