{{ config(materialized="view") }}

with freight as (
    select vendor_id, freight_share from {{ ref("rpt_vendor_scorecard") }} where period_type = 'all'
),

minimums as (
    select vendor_id, cast(max(minimum_order_usd) as double) as minimum_order_usd
    from {{ ref("int_vendor_terms") }}
    where minimum_order_usd > 0
    group by vendor_id
),

open_exports as (
    select proposal_id, cast(sum(exported_units) as bigint) as on_order_units
    from {{ ref("int_exported_orders") }}
    where not is_in_purchases
    group by proposal_id
),

totals as (
    select
        proposal_id, as_of_date, vendor_id, expected_receipt_date, min(need_date) as need_date, count(*) as line_count,
        cast(sum(order_units) as bigint) as order_units, cast(sum(goods_usd) as decimal(18, 2)) as goods_usd,
        count(*) - count(goods_usd) as unpriced_line_count, bool_and(is_current) as is_current
    from {{ ref("rec_purchase_order_lines") }}
    group by proposal_id, as_of_date, vendor_id, expected_receipt_date
),

joined as (
    select
        totals.*, vendors.vendor_name, open_exports.on_order_units, proposals.approved_at, proposals.exported_at, proposals.exported_to,
        -- what was approved keeps the terms it was approved at
        case when proposals.proposal_id is null then freight.freight_share else proposals.freight_share end as freight_share,
        case when proposals.proposal_id is null then minimums.minimum_order_usd else proposals.minimum_order_usd end as minimum_order_usd,
        case
            when proposals.exported_at is not null then 'exported'
            when proposals.approved_at is not null then 'approved'
            else 'proposed'
        end as state
    from totals
    left join {{ ref("int_vendors") }} as vendors on totals.vendor_id = vendors.vendor_id
    left join freight on totals.vendor_id = freight.vendor_id
    left join minimums on totals.vendor_id = minimums.vendor_id
    left join open_exports on totals.proposal_id = open_exports.proposal_id
    left join {{ ref("stg_input__order_proposals") }} as proposals on totals.proposal_id = proposals.proposal_id
)

select
    proposal_id, {{ source_key() }} as source_key, as_of_date, vendor_id, vendor_name, expected_receipt_date, need_date, line_count, order_units,
    goods_usd, unpriced_line_count, freight_share, cast(goods_usd * freight_share as decimal(18, 2)) as freight_estimate_usd,
    minimum_order_usd,
    coalesce(goods_usd, 0) >= coalesce(minimum_order_usd, 0) as is_minimum_reached,
    state, is_current, coalesce(on_order_units, 0) as on_order_units, approved_at, exported_at, exported_to
from joined
