with usage as (
    select
        products.item_id,
        coalesce(sum(stock.sold_units), 0) > 0 and max(products.unit_cost_usd) is null as is_sold_at_unknown_cost,
        coalesce(sum(stock.sold_units) * 365.0 / max(stock.period_days), 0) as annual_usage_units,
        coalesce(sum(stock.sold_units) * max(products.unit_cost_usd) * 365.0 / max(stock.period_days), 0) as annual_usage_usd,
        coalesce(sum(stock.revenue_usd) * 365.0 / max(stock.period_days), 0) as annual_revenue_usd
    from {{ ref("int_products") }} as products
    left join {{ ref("int_inventory_item_location") }} as stock on products.item_id = stock.item_id
    group by products.item_id
),

-- a source that knows no cost at all is ranked by revenue, and by units where it knows no price either
basis as (
    select
        case
            when max(annual_usage_usd) > 0 then 'cost'
            when max(annual_revenue_usd) > 0 then 'revenue'
            else 'units'
        end as class_basis
    from usage
),

valued as (
    select
        usage.*, basis.class_basis,
        case basis.class_basis
            when 'cost' then usage.annual_usage_usd
            when 'revenue' then usage.annual_revenue_usd
            else usage.annual_usage_units
        end as annual_value
    from usage
    cross join basis
),

ranked as (
    select
        *,
        -- the share BEFORE the item decides, so that the item that crosses the line still belongs to the class above
        coalesce(sum(annual_value) over (
            order by annual_value desc, item_id rows between unbounded preceding and 1 preceding
        ), 0) / nullif(sum(annual_value) over (), 0) as cumulative_share_before
    from valued
)

select
    ranked.item_id, ranked.annual_usage_usd, ranked.class_basis, ranked.cumulative_share_before,
    case
        -- what it is worth is not known, only that it sells: the prudent class until somebody enters the cost
        when ranked.is_sold_at_unknown_cost and ranked.class_basis = 'cost' then 'A'
        when ranked.annual_value <= 0 or ranked.cumulative_share_before is null then 'Z'
        when ranked.cumulative_share_before < policy.abc_a_share then 'A'
        when ranked.cumulative_share_before < policy.abc_b_share then 'B'
        else 'C'
    end as abc_class
from ranked
cross join {{ ref("int_policy") }} as policy
