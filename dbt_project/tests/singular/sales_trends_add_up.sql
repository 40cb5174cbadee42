{{ config(meta={"dagster": {"ref": {"name": "rpt_sales_trends"}}}) }}

-- every level sells what the chain sells, in every period that has the level; and months and weeks are all that was ever sold
with levels as (
    select
        period_type, period_start_date, level, sum(sold_units) as sold_units, sum(revenue_usd) as revenue_usd,
        sum(share_of_chain_revenue) as share_of_chain_revenue
    from {{ ref("rpt_sales_trends") }}
    group by period_type, period_start_date, level
),

sold as (
    select sum(cast(sold_units as double)) as sold_units, sum(revenue_usd) as revenue_usd from {{ ref("fct_sales_daily") }}
)

select 'a level and the chain' as difference, levels.level, levels.period_type, levels.period_start_date
from levels
left join levels as chain
    on levels.period_type = chain.period_type and levels.period_start_date = chain.period_start_date and chain.level = 'chain'
where
    levels.sold_units is distinct from chain.sold_units
    or levels.revenue_usd is distinct from chain.revenue_usd
    or abs(levels.share_of_chain_revenue - 1) > 1e-9
union all
select 'a level and the sales', levels.level, levels.period_type, null
from levels
cross join sold
group by levels.level, levels.period_type
having
    sum(levels.sold_units) is distinct from max(sold.sold_units)
    or sum(levels.revenue_usd) is distinct from max(sold.revenue_usd)
