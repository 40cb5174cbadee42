{{ config(meta={"dagster": {"ref": {"name": "rpt_vendor_scorecard"}}}) }}

-- a line due is on time and in full, early or late; months add up to the whole; shares add up to 1 and their squares to the index
with vendors as (
    select
        vendor_id,
        sum(received_usd) filter (where period_type = 'all') as received_usd,
        sum(received_usd) filter (where period_type = 'month') as received_usd_of_months,
        sum(due_line_count) filter (where period_type = 'all') as due_line_count,
        sum(due_line_count) filter (where period_type = 'month') as due_line_count_of_months,
        sum(purchase_price_variance_usd) filter (where period_type = 'all') as variance_usd,
        sum(purchase_price_variance_usd) filter (where period_type = 'month') as variance_usd_of_months,
        bool_and(otif_line_count + early_line_count + late_line_count = due_line_count) as has_a_kind_for_every_line
    from {{ ref("rpt_vendor_scorecard") }}
    group by vendor_id
),

periods as (
    select
        period_start_date,
        sum(received_spend_share) as received_shares, sum(received_hhi_contribution) as received_squares, max(received_hhi) as received_hhi,
        sum(invoiced_spend_share) as invoiced_shares, sum(invoiced_hhi_contribution) as invoiced_squares, max(invoiced_hhi) as invoiced_hhi
    from {{ ref("rpt_vendor_scorecard") }}
    group by period_type, period_start_date
)

select cast(vendor_id as varchar) as found
from vendors
where
    not has_a_kind_for_every_line
    or received_usd is distinct from coalesce(received_usd_of_months, 0)
    or due_line_count is distinct from coalesce(due_line_count_of_months, 0)
    or variance_usd is distinct from variance_usd_of_months
union all
select cast(period_start_date as varchar)
from periods
where
    abs(received_shares - 1) > 1e-9 or abs(received_squares - received_hhi) > 1e-9
    or abs(invoiced_shares - 1) > 1e-9 or abs(invoiced_squares - invoiced_hhi) > 1e-9
