-- received units by the days they took, per vendor; open lines are left out and counted in int_vendor_lead_times
select
    vendor_id,
    cast(receipt_date - order_date as integer) as lead_time_days,
    count(*) as line_count,
    cast(sum(received_units) as bigint) as received_units
from {{ ref("int_purchase_lines") }}
where receipt_date >= order_date
group by vendor_id, lead_time_days
