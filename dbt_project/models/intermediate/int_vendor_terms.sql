-- where a file states terms twice, the ones that are worse for us are the prudent ones
select
    vendor_id, coalesce(item_id, 0) as item_id,
    max(moq_units) as moq_units, max(pack_units) as pack_units, max(order_cycle_days) as order_cycle_days,
    max(minimum_order_usd) as minimum_order_usd, max(promised_lead_time_days) as promised_lead_time_days
from {{ ref("stg_vendor_terms") }}
where vendor_id is not null
group by all
