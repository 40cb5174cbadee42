{{ config(meta={"dagster": {"ref": {"name": "rpt_turnover"}}}) }}

-- two marts, one firm: the chain's months are those of rpt_inventory_month, whose average nets off what the books have below zero
select months.month_start_date
from {{ ref("rpt_inventory_month") }} as months
full join (
    select * from {{ ref("rpt_turnover") }} where level = 'chain' and period_type = 'month'
) as turnover
    on months.month_start_date = turnover.period_start_date
where
    months.period_days is distinct from turnover.period_days
    or months.sold_units is distinct from turnover.sold_units
    or months.revenue_usd is distinct from turnover.revenue_usd
    or months.on_hand_units is distinct from turnover.on_hand_units
    or abs(months.average_on_hand_units - (turnover.average_inventory_units - turnover.average_below_zero_units))
    > 1e-6 * (1 + turnover.average_inventory_units)
    -- cents are rounded month by month
    or abs(months.cogs_usd - coalesce(turnover.cogs_usd, 0)) > 0.01
    or abs(months.on_hand_usd - coalesce(turnover.on_hand_usd, 0)) > 0.01 * (select count(*) from {{ ref("rpt_inventory_month") }})
    or abs(months.average_inventory_usd - coalesce(turnover.average_inventory_usd - turnover.average_below_zero_usd, 0))
    > 0.01 * (select count(*) from {{ ref("rpt_inventory_month") }})
