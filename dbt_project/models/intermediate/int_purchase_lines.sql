-- what was known of every purchase line on the as-of day; whole numbers add up exactly as double, without DuckDB's 128-bit sums
select
    purchase_order_id, location_id, item_id, vendor_id, order_date,
    case when receipt_date <= {{ as_of() }} then receipt_date end as receipt_date,
    cast(sum(cast(ordered_units as double)) as integer) as ordered_units,
    cast(sum(case when receipt_date <= {{ as_of() }} then cast(ordered_units as double) else 0 end) as integer) as received_units,
    cast(sum(purchase_usd) as decimal(18, 2)) as purchase_usd
from {{ ref("stg_purchase_lines") }}
where order_date <= {{ as_of() }}
group by all
