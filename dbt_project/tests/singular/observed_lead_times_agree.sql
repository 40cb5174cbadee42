{{ config(meta={"dagster": {"ref": {"name": "rpt_vendor_scorecard"}}}) }}

-- what was observed is what plans are made with
select vendors.vendor_id
from {{ ref("dim_vendor") }} as vendors
left join {{ ref("rpt_vendor_scorecard") }} as scores on vendors.vendor_id = scores.vendor_id and scores.period_type = 'all'
where
    vendors.received_line_count <> coalesce(scores.received_line_count, 0)
    or vendors.open_line_count <> coalesce(scores.open_line_count, 0)
    or vendors.mean_lead_time_days is distinct from scores.observed_mean_lead_time_days
    or vendors.sd_lead_time_days is distinct from scores.observed_sd_lead_time_days
    or vendors.p50_lead_time_days is distinct from scores.observed_p50_lead_time_days
    or vendors.p90_lead_time_days is distinct from scores.observed_p90_lead_time_days
