-- the lead times to plan with: a vendor's own, or those of all vendors where it has delivered too little to tell
with vendors as (
    select vendors.vendor_id, coalesce(times.received_line_count, 0) >= policy.minimum_lead_time_lines as has_enough_lines
    from (select distinct vendor_id from {{ ref("int_products") }} where vendor_id is not null) as vendors
    cross join {{ ref("int_policy") }} as policy
    left join {{ ref("int_vendor_lead_times") }} as times on vendors.vendor_id = times.vendor_id
),

own as (
    select vendors.vendor_id, distribution.lead_time_days, distribution.received_units, false as is_borrowed
    from vendors
    inner join {{ ref("int_lead_time_distribution") }} as distribution on vendors.vendor_id = distribution.vendor_id
    where vendors.has_enough_lines
),

borrowed as (
    select vendors.vendor_id, pooled.lead_time_days, pooled.received_units, true as is_borrowed
    from vendors
    cross join (
        select lead_time_days, sum(received_units) as received_units
        from {{ ref("int_lead_time_distribution") }}
        group by lead_time_days
    ) as pooled
    where not vendors.has_enough_lines
),

unioned as (
    select * from own
    union all
    select * from borrowed
)

select
    vendor_id, lead_time_days, cast(received_units as bigint) as received_units, is_borrowed,
    cast(received_units / sum(received_units) over (partition by vendor_id) as double) as probability
from unioned
