with ordered as (
    select
        coalesce(vendor_id, 0) as vendor_id, max(as_of_date) as as_of_date,
        cast(count(*) filter (where order_units > 0) as integer) as order_line_count,
        cast(coalesce(sum(order_units), 0) as bigint) as order_units,
        cast(coalesce(sum(order_usd), 0) as decimal(18, 2)) as order_usd,
        cast(count(*) filter (where order_units > 0 and order_usd is null) as integer) as unpriced_line_count,
        cast(count(*) filter (where order_units > 0 and usable_on_hand_units = 0) as integer) as sold_out_line_count
    from {{ ref("rec_orders") }}
    group by 1
),

minimums as (
    select vendor_id, max(minimum_order_usd) as minimum_order_usd from {{ ref("int_vendor_terms") }} group by vendor_id
),

-- lines past the day by which nine of ten such lines arrive, or past anything the vendor ever delivered
waiting as (
    select
        vendor_id, cast(count(*) as integer) as open_line_count, cast(sum(open_units) as bigint) as open_units,
        cast(count(*) filter (where expected_receipt_date is null) as integer) as beyond_experience_line_count,
        min(order_date) as oldest_open_order_date
    from {{ ref("int_open_order_arrivals") }}
    group by vendor_id
),

scored as (
    select * from {{ ref("rpt_vendor_scorecard") }} where period_type = 'all'
)

select
    ordered.as_of_date, nullif(ordered.vendor_id, 0) as vendor_id, coalesce(vendors.vendor_name, 'no vendor known') as vendor_name,
    ordered.order_line_count, ordered.order_units, ordered.order_usd, ordered.unpriced_line_count, ordered.sold_out_line_count,
    minimums.minimum_order_usd,
    case when minimums.minimum_order_usd is not null then ordered.order_usd > 0 and ordered.order_usd < minimums.minimum_order_usd end
        as is_below_minimum,
    coalesce(waiting.open_line_count, 0) as open_line_count,
    coalesce(waiting.open_units, 0) as open_units,
    coalesce(waiting.beyond_experience_line_count, 0) as beyond_experience_line_count,
    waiting.oldest_open_order_date,
    scored.km_p50_lead_time_days as p50_lead_time_days, scored.km_p90_lead_time_days as p90_lead_time_days,
    scored.due_line_count, scored.otif_share, scored.purchase_price_variance_usd, scored.received_spend_share, scored.invoice_match_share,
    case
        when ordered.vendor_id = 0 and ordered.order_line_count > 0 then 'find a vendor: nobody is known to sell these'
        when ordered.order_usd > 0 and ordered.order_usd < minimums.minimum_order_usd then 'below the vendor minimum: add to the order or wait'
        when ordered.order_line_count > 0 and waiting.beyond_experience_line_count > 0 then 'order, and ask where the late lines are'
        when ordered.order_line_count > 0 then 'order'
        when waiting.beyond_experience_line_count > 0 then 'ask where the late lines are'
        else 'nothing today'
    end as what_to_do
from ordered
left join {{ ref("dim_vendor") }} as vendors on ordered.vendor_id = vendors.vendor_id
left join minimums on ordered.vendor_id = minimums.vendor_id
left join waiting on ordered.vendor_id = waiting.vendor_id
left join scored on ordered.vendor_id = scored.vendor_id
