with distribution as (
    select
        *,
        sum(received_units) over (partition by vendor_id order by lead_time_days) as cumulative_units,
        sum(received_units) over (partition by vendor_id) as total_units
    from {{ ref("int_lead_time_distribution") }}
),

received as (
    select
        vendor_id,
        cast(sum(line_count) as integer) as received_line_count,
        {{ weighted_mean("lead_time_days", "received_units") }} as mean_lead_time_days,
        {{ weighted_sd("lead_time_days", "received_units") }} as sd_lead_time_days,
        min(lead_time_days) filter (where cumulative_units >= 0.5 * total_units) as p50_lead_time_days,
        min(lead_time_days) filter (where cumulative_units >= 0.9 * total_units) as p90_lead_time_days
    from distribution
    group by vendor_id
),

open_lines as (
    select vendor_id, cast(count(*) as integer) as open_line_count
    from {{ ref("int_purchase_lines") }}
    where receipt_date is null
    group by vendor_id
)

select
    coalesce(received.vendor_id, open_lines.vendor_id) as vendor_id,
    coalesce(received.received_line_count, 0) as received_line_count,
    coalesce(open_lines.open_line_count, 0) as open_line_count,
    received.mean_lead_time_days, received.sd_lead_time_days, received.p50_lead_time_days, received.p90_lead_time_days
from received
full join open_lines on received.vendor_id = open_lines.vendor_id
