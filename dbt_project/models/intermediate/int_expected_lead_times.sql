-- the lead times to plan with: a vendor's own; those of all vendors where it has delivered too little to tell, and for items
-- without a vendor (vendor 0); the policy's default where nobody has delivered anything
with vendors as (
    select vendors.vendor_id, coalesce(times.received_line_count, 0) >= policy.minimum_lead_time_lines as has_enough_lines
    from (select distinct coalesce(vendor_id, 0) as vendor_id from {{ ref("int_products") }}) as vendors
    cross join {{ ref("int_policy") }} as policy
    left join {{ ref("int_vendor_lead_times") }} as times on vendors.vendor_id = times.vendor_id
),

pooled as (
    select lead_time_days, sum(received_units) as received_units
    from {{ ref("int_lead_time_distribution") }}
    group by lead_time_days
    union all
    select cast(default_lead_time_days as integer) as lead_time_days, 1 as received_units
    from {{ ref("int_policy") }}
    where not exists (select 1 from {{ ref("int_lead_time_distribution") }})
),

unioned as (
    select vendors.vendor_id, distribution.lead_time_days, distribution.received_units, false as is_borrowed
    from vendors
    inner join {{ ref("int_lead_time_distribution") }} as distribution on vendors.vendor_id = distribution.vendor_id
    where vendors.has_enough_lines
    union all
    select vendors.vendor_id, pooled.lead_time_days, pooled.received_units, true as is_borrowed
    from vendors
    cross join pooled
    where not vendors.has_enough_lines
)

select
    vendor_id, lead_time_days, cast(received_units as bigint) as received_units, is_borrowed,
    cast(received_units / sum(received_units) over (partition by vendor_id) as double) as probability
from unioned
