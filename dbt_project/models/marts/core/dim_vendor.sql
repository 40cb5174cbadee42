with names as (
    select
        vendor_id, vendor_name,
        row_number() over (partition by vendor_id order by line_count desc, vendor_name) as name_rank,
        count(*) over (partition by vendor_id) as name_count
    from {{ ref("stg_vendor_names") }}
),

seen as (
    select vendor_id from {{ ref("stg_vendor_names") }}
    union
    select vendor_id from {{ ref("int_products") }} where vendor_id is not null
    union
    select vendor_id from {{ ref("int_purchase_lines") }}
)

select
    seen.vendor_id,
    coalesce(names.vendor_name, 'Vendor ' || seen.vendor_id) as vendor_name,
    coalesce(names.name_count, 0) > 1 as has_several_names,
    coalesce(times.received_line_count, 0) as received_line_count,
    coalesce(times.open_line_count, 0) as open_line_count,
    times.mean_lead_time_days, times.sd_lead_time_days, times.p50_lead_time_days, times.p90_lead_time_days
from seen
left join names on seen.vendor_id = names.vendor_id and names.name_rank = 1
left join {{ ref("int_vendor_lead_times") }} as times on seen.vendor_id = times.vendor_id
