{{ config(materialized="view") }}

with delivery as (
    select
        terms.item_id, terms.location_id,
        cast(ceil(coalesce(terms.mean_lead_time_days, policy.default_lead_time_days)) as integer) as lead_time_days
    from {{ ref("int_item_location_terms") }} as terms
    cross join {{ ref("int_policy") }} as policy
),

-- what the file shows of the day itself was there before the proposal
known as (
    select vendor_id, item_id, location_id, cast(sum(ordered_units) as integer) as ordered_units
    from {{ ref("int_purchase_lines") }}
    where order_date = {{ as_of() }}
    group by vendor_id, item_id, location_id
),

current_lines as (
    select
        orders.as_of_date, orders.vendor_id, orders.item_id, orders.location_id, orders.order_units,
        orders.as_of_date + delivery.lead_time_days as expected_receipt_date,
        orders.as_of_date + case
            when orders.cover_days is not null then cast(least(floor(greatest(orders.cover_days, 0)), 365) as integer)
        end as need_date,
        cast(products.unit_cost_usd as double) as unit_cost_usd, coalesce(known.ordered_units, 0) as known_ordered_units
    from {{ ref("rec_orders") }} as orders
    inner join {{ ref("int_products") }} as products on orders.item_id = products.item_id
    inner join delivery on orders.item_id = delivery.item_id and orders.location_id = delivery.location_id
    left join known
        on orders.vendor_id = known.vendor_id and orders.item_id = known.item_id and orders.location_id = known.location_id
    where orders.order_units > 0 and orders.vendor_id is not null
),

-- the same orders have the same name, in every run
named as (
    select
        as_of_date, vendor_id, expected_receipt_date,
        'P' || upper(substr(md5(
            as_of_date || '|' || vendor_id || '|' || expected_receipt_date || '|'
            || string_agg(item_id || ':' || location_id || ':' || order_units, ',' order by item_id, location_id)
        ), 1, 8)) as proposal_id
    from current_lines
    group by as_of_date, vendor_id, expected_receipt_date
),

proposed as (
    select named.proposal_id, current_lines.*, true as is_current
    from current_lines
    inner join named
        on current_lines.vendor_id = named.vendor_id and current_lines.expected_receipt_date = named.expected_receipt_date
),

-- what was approved stays as it was approved
kept as (
    select
        proposals.proposal_id, proposals.as_of_date, proposals.vendor_id, lines.item_id, lines.location_id, lines.order_units,
        proposals.expected_receipt_date, lines.need_date, lines.unit_cost_usd, lines.known_ordered_units
    from {{ ref("stg_input__order_proposals") }} as proposals
    inner join {{ ref("stg_input__order_proposal_lines") }} as lines on proposals.proposal_id = lines.proposal_id
    where proposals.as_of_date <= {{ as_of() }}
),

every as (
    select * from proposed where proposal_id not in (select proposal_id from kept)
    union all by name
    select kept.*, kept.proposal_id in (select proposal_id from named) as is_current from kept
)

select
    every.proposal_id, every.as_of_date, every.vendor_id, every.item_id, every.location_id, products.item_name, products.size,
    every.order_units, every.unit_cost_usd, cast(every.order_units * every.unit_cost_usd as decimal(18, 2)) as goods_usd,
    every.need_date, every.expected_receipt_date, every.known_ordered_units, every.is_current
from every
inner join {{ ref("int_products") }} as products on every.item_id = products.item_id
