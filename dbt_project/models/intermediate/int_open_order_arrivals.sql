-- when each open order line will be here, given that it is not yet: of the vendor's lead times only those longer than its age count
with open_lines as (
    select
        lines.purchase_order_id, lines.item_id, lines.location_id, lines.vendor_id, lines.order_date,
        lines.ordered_units - lines.received_units as open_units,
        cast({{ as_of() }} - lines.order_date as integer) as age_days
    from {{ ref("int_purchase_lines") }} as lines
    where lines.receipt_date is null and lines.ordered_units > lines.received_units
),

still_possible as (
    select
        ages.vendor_id, ages.age_days, times.lead_time_days,
        sum(times.received_units) over (
            partition by ages.vendor_id, ages.age_days order by times.lead_time_days
        ) as units_until,
        sum(times.received_units) over (partition by ages.vendor_id, ages.age_days) as units_in_all
    from (select distinct vendor_id, age_days from open_lines) as ages
    inner join {{ ref("int_expected_lead_times") }} as times
        on ages.vendor_id = times.vendor_id and times.lead_time_days > ages.age_days
),

expected as (
    select
        vendor_id, age_days,
        min(lead_time_days) filter (where units_until >= 0.5 * units_in_all) as p50_lead_time_days,
        min(lead_time_days) filter (where units_until >= 0.9 * units_in_all) as p90_lead_time_days
    from still_possible
    group by vendor_id, age_days
)

select
    open_lines.purchase_order_id, open_lines.item_id, open_lines.location_id, open_lines.vendor_id, open_lines.order_date,
    cast(sum(open_lines.open_units) as integer) as open_units,
    open_lines.order_date + expected.p50_lead_time_days as expected_receipt_date,
    open_lines.order_date + expected.p90_lead_time_days as latest_receipt_date
from open_lines
left join expected on open_lines.vendor_id = expected.vendor_id and open_lines.age_days = expected.age_days
group by
    open_lines.purchase_order_id, open_lines.item_id, open_lines.location_id, open_lines.vendor_id, open_lines.order_date,
    expected.p50_lead_time_days, expected.p90_lead_time_days
