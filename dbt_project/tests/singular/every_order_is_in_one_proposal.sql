{{ config(meta={"dagster": {"ref": {"name": "rec_purchase_orders"}}}) }}

-- every order from a known vendor is in a current proposal, once, with its units; nothing else is
with ordered as (
    select item_id, location_id, order_units from {{ ref("rec_orders") }} where order_units > 0 and vendor_id is not null
),

proposed as (
    select lines.item_id, lines.location_id, sum(lines.order_units) as order_units
    from {{ ref("rec_purchase_order_lines") }} as lines
    inner join {{ ref("rec_purchase_orders") }} as proposals on lines.proposal_id = proposals.proposal_id
    where lines.is_current
    group by lines.item_id, lines.location_id
)

select
    coalesce(ordered.item_id, proposed.item_id) as item_id, coalesce(ordered.location_id, proposed.location_id) as location_id,
    ordered.order_units, proposed.order_units as proposed_units
from ordered
full join proposed on ordered.item_id = proposed.item_id and ordered.location_id = proposed.location_id
where ordered.order_units is distinct from proposed.order_units
