-- exported proposals are orders from the day they were made for
with exported as (
    select
        proposals.proposal_id, proposals.vendor_id, proposals.as_of_date as order_date, proposals.expected_receipt_date,
        lines.item_id, lines.location_id, lines.order_units, lines.unit_cost_usd, lines.known_ordered_units
    from {{ ref("stg_input__order_proposals") }} as proposals
    inner join {{ ref("stg_input__order_proposal_lines") }} as lines on proposals.proposal_id = lines.proposal_id
    where proposals.exported_at is not null and proposals.as_of_date <= {{ as_of() }}
),

seen as (
    select exported.proposal_id, exported.item_id, exported.location_id, sum(purchases.ordered_units) as ordered_units
    from exported
    inner join {{ ref("int_purchase_lines") }} as purchases
        on exported.vendor_id = purchases.vendor_id and exported.item_id = purchases.item_id
        and exported.location_id = purchases.location_id and exported.order_date <= purchases.order_date
    group by exported.proposal_id, exported.item_id, exported.location_id
)

-- an order of that vendor, item and store on that day or later is the export, but for what the file showed before it
select
    exported.proposal_id, exported.vendor_id, exported.item_id, exported.location_id, exported.order_date, exported.expected_receipt_date,
    exported.order_units as exported_units, exported.unit_cost_usd,
    coalesce(seen.ordered_units, 0) > exported.known_ordered_units as is_in_purchases
from exported
left join seen
    on exported.proposal_id = seen.proposal_id and exported.item_id = seen.item_id and exported.location_id = seen.location_id
