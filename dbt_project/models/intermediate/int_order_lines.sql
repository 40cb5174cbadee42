{{ config(materialized="view") }}

with dated as (
    select
        lines.*,
        coalesce(item_terms.promised_lead_time_days, vendor_terms.promised_lead_time_days) is not null as is_promised,
        cast(lines.order_date + coalesce(
            item_terms.promised_lead_time_days, vendor_terms.promised_lead_time_days,
            cast(policy.otif_requested_lead_time_days as integer)
        ) as date) as due_date,
        cast(policy.otif_early_days as integer) as otif_early_days,
        cast(policy.otif_late_days as integer) as otif_late_days
    from {{ ref("int_purchase_lines") }} as lines
    left join {{ ref("int_vendor_terms") }} as item_terms
        on lines.vendor_id = item_terms.vendor_id and lines.item_id = item_terms.item_id
    left join {{ ref("int_vendor_terms") }} as vendor_terms on lines.vendor_id = vendor_terms.vendor_id and vendor_terms.item_id = 0
    cross join {{ ref("int_policy") }} as policy
),

-- a line may come in several pieces: whether it came in full shows only when they are put together
summed as (
    select
        purchase_order_id, item_id, location_id, vendor_id, order_date, due_date, is_promised,
        max(receipt_date) as last_receipt_date,
        cast(sum(cast(ordered_units as double)) as integer) as ordered_units,
        cast(sum(cast(received_units as double)) as integer) as received_units,
        cast(sum(case when receipt_date <= due_date + otif_late_days then cast(received_units as double) else 0 end) as integer) as timely_units,
        -- a requested lead time is a latest day: nothing is too early for it
        cast(sum(case
            when receipt_date <= due_date + otif_late_days and (not is_promised or receipt_date >= due_date - otif_early_days)
                then cast(received_units as double)
            else 0
        end) as integer) as on_time_units
    from dated
    group by purchase_order_id, item_id, location_id, vendor_id, order_date, due_date, is_promised
),

required as (
    select
        summed.*,
        cast(ceil(ordered_units * (1 - policy.otif_quantity_tolerance_share) - 1e-9) as integer) as required_units,
        cast(policy.otif_late_days as integer) as otif_late_days,
        cast(policy.open_order_max_age_days as integer) as open_order_max_age_days
    from summed
    cross join {{ ref("int_policy") }} as policy
)

select
    required.purchase_order_id, required.item_id, required.location_id, required.vendor_id, required.order_date,
    required.due_date, required.is_promised, required.last_receipt_date, required.ordered_units, required.received_units,
    required.timely_units, required.on_time_units,
    required.order_date >= period.receipts_start_date as is_known_in_full,
    required.due_date + required.otif_late_days <= {{ as_of() }} as is_due,
    required.on_time_units >= required.required_units as is_on_time_in_full,
    required.timely_units >= required.required_units and required.on_time_units < required.required_units as is_early,
    required.timely_units < required.required_units as is_late,
    required.received_units < required.required_units as is_open,
    required.received_units = required.ordered_units
    or required.order_date < {{ as_of() }} - required.open_order_max_age_days as is_settled
from required
cross join {{ ref("int_purchase_period") }} as period
