select
    vendors.vendor_id, vendors.vendor_name, vendors.has_several_names,
    coalesce(times.received_line_count, 0) as received_line_count,
    coalesce(times.open_line_count, 0) as open_line_count,
    times.mean_lead_time_days, times.sd_lead_time_days, times.p50_lead_time_days, times.p90_lead_time_days
from {{ ref("int_vendors") }} as vendors
left join {{ ref("int_vendor_lead_times") }} as times on vendors.vendor_id = times.vendor_id
