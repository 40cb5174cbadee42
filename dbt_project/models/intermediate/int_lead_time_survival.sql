-- Kaplan-Meier with units as weights: what is still open on the as-of day has waited at least that long
with durations as (
    select
        receipts.vendor_id, periods.period_type, periods.period_start_date,
        cast(coalesce(receipts.receipt_date, {{ as_of() }}) - receipts.order_date as integer) as lead_time_days,
        cast(sum(receipts.received_units) as bigint) as received_units,
        cast(sum(receipts.ordered_units) filter (where receipts.receipt_date is null) as bigint) as open_units
    from {{ ref("int_purchase_order_receipts") }} as receipts
    inner join {{ ref("int_vendor_periods") }} as periods
        on receipts.order_date between periods.period_start_date and periods.period_end_date
    where
        receipts.order_date >= (select receipts_start_date from {{ ref("int_purchase_period") }})
        and coalesce(receipts.receipt_date, receipts.order_date) >= receipts.order_date
    group by receipts.vendor_id, periods.period_type, periods.period_start_date, lead_time_days
),

at_risk as (
    select
        vendor_id, period_type, period_start_date, lead_time_days, received_units,
        coalesce(open_units, 0) as open_units,
        cast(sum(received_units + coalesce(open_units, 0)) over (
            partition by vendor_id, period_type, period_start_date order by lead_time_days desc
        ) as bigint) as at_risk_units
    from durations
)

select
    vendor_id, period_type, period_start_date, lead_time_days, at_risk_units, received_units, open_units,
    product(1 - received_units / at_risk_units) over (
        partition by vendor_id, period_type, period_start_date order by lead_time_days
        rows between unbounded preceding and current row
    ) as open_share
from at_risk
