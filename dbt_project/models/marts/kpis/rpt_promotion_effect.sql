-- the level of all sales in the days of a promotion against the days it is compared with: December is not the promotion's merit
with chain_days as (
    select inventory_date, cast(sum(cast(sold_units as double)) as bigint) as sold_units
    from {{ ref("int_stock_ledger") }}
    where sold_units > 0
    group by inventory_date
),

-- many promotions share their days
windows as (
    select distinct first_date, last_date, before_first_date, before_last_date, after_first_date, after_last_date
    from {{ ref("int_promotions") }}
),

levels as (
    select
        windows.*,
        sum(case when chain_days.inventory_date between windows.first_date and windows.last_date then chain_days.sold_units end)
        / any_value(windows.last_date - windows.first_date + 1) as promotion_level,
        sum(case
            when chain_days.inventory_date between windows.before_first_date and windows.before_last_date then chain_days.sold_units
            when chain_days.inventory_date between windows.after_first_date and windows.after_last_date then chain_days.sold_units
        end) / nullif(any_value(
            greatest(windows.before_last_date - windows.before_first_date + 1, 0)
            + greatest(windows.after_last_date - windows.after_first_date + 1, 0)
        ), 0) as comparison_level
    from windows
    left join chain_days
        on chain_days.inventory_date between least(windows.before_first_date, windows.first_date)
        and greatest(windows.after_last_date, windows.last_date)
    group by all
),

compared as (
    select
        sales.*, promotions.is_running, products.item_name, products.category, products.unit_cost_usd,
        sales.before_sold_units + sales.after_sold_units as comparison_sold_units,
        sales.before_revenue_usd + sales.after_revenue_usd as comparison_revenue_usd,
        sales.before_in_stock_days + sales.after_in_stock_days as comparison_in_stock_days,
        sales.before_stock_out_days + sales.after_stock_out_days as comparison_stock_out_days,
        sales.promotion_stock_out_days + sales.wake_stock_out_days as stock_out_days,
        sales.promotion_in_stock_days + sales.wake_in_stock_days + sales.promotion_stock_out_days + sales.wake_stock_out_days as ranged_days,
        levels.promotion_level / nullif(levels.comparison_level, 0) as season_factor
    from {{ ref("int_promotion_sales") }} as sales
    inner join {{ ref("int_promotions") }} as promotions
        on sales.promotion_id = promotions.promotion_id and sales.item_id = promotions.item_id
        and sales.location_id is not distinct from promotions.location_id
        and sales.first_date = promotions.first_date and sales.last_date = promotions.last_date
    inner join levels
        on promotions.first_date = levels.first_date and promotions.last_date = levels.last_date
        and promotions.before_first_date = levels.before_first_date and promotions.before_last_date = levels.before_last_date
        and promotions.after_first_date = levels.after_first_date and promotions.after_last_date = levels.after_last_date
    inner join {{ ref("int_products") }} as products on sales.item_id = products.item_id
),

expected as (
    select
        *,
        comparison_sold_units / nullif(comparison_in_stock_days, 0) * promotion_in_stock_days * season_factor as baseline_units,
        cast(comparison_revenue_usd as double) / nullif(comparison_sold_units, 0) as baseline_price_usd,
        comparison_stock_out_days / nullif(comparison_in_stock_days + comparison_stock_out_days, 0) as baseline_stock_out_rate
    from compared
)

select
    promotion_id, item_id, location_id, first_date, last_date, is_running, item_name, category, location_count,
    promotion_in_stock_days as in_stock_days,
    promotion_sold_units as sold_units,
    baseline_units,
    promotion_sold_units - baseline_units as uplift_units,
    (promotion_sold_units - baseline_units) / nullif(baseline_units, 0) as uplift_share,
    promotion_revenue_usd as revenue_usd,
    cast(promotion_revenue_usd as double) / nullif(promotion_sold_units, 0) as average_price_usd,
    baseline_price_usd,
    cast(promotion_revenue_usd - promotion_sold_units * unit_cost_usd as decimal(18, 2)) as gross_margin_usd,
    cast(baseline_units * (baseline_price_usd - cast(unit_cost_usd as double)) as decimal(18, 2)) as baseline_gross_margin_usd,
    cast(
        cast(promotion_revenue_usd - promotion_sold_units * unit_cost_usd as double)
        - baseline_units * (baseline_price_usd - cast(unit_cost_usd as double)) as decimal(18, 2)
    ) as incremental_gross_margin_usd,
    stock_out_days,
    stock_out_days / nullif(ranged_days, 0) as stock_out_rate,
    baseline_stock_out_rate,
    stock_out_days - baseline_stock_out_rate * ranged_days as additional_stock_out_days
from expected
