with usage as (
    select
        products.item_id,
        coalesce(sum(stock.sold_units), 0) > 0 and max(products.unit_cost_usd) is null as is_sold_at_unknown_cost,
        coalesce(sum(stock.sold_units) * max(products.unit_cost_usd) * 365.0 / max(stock.period_days), 0) as annual_usage_usd
    from {{ ref("int_products") }} as products
    left join {{ ref("int_inventory_item_location") }} as stock on products.item_id = stock.item_id
    group by products.item_id
),

ranked as (
    select
        item_id, annual_usage_usd, is_sold_at_unknown_cost,
        -- the share BEFORE the item decides, so that the item that crosses the line still belongs to the class above
        coalesce(sum(annual_usage_usd) over (
            order by annual_usage_usd desc, item_id rows between unbounded preceding and 1 preceding
        ), 0) / nullif(sum(annual_usage_usd) over (), 0) as cumulative_share_before
    from usage
)

select
    ranked.item_id, ranked.annual_usage_usd, ranked.cumulative_share_before,
    case
        -- what it is worth is not known, only that it sells: the prudent class until somebody enters the cost
        when ranked.is_sold_at_unknown_cost then 'A'
        when ranked.annual_usage_usd <= 0 or ranked.cumulative_share_before is null then 'Z'
        when ranked.cumulative_share_before < policy.abc_a_share then 'A'
        when ranked.cumulative_share_before < policy.abc_b_share then 'B'
        else 'C'
    end as abc_class
from ranked
cross join {{ ref("int_policy") }} as policy
