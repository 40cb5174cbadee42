with valued as (
    select
        stock.*, terms.vendor_id, terms.abc_class, terms.unit_cost_usd, policy.holding_cost_rate_per_year,
        cast(stock.sold_units * terms.unit_cost_usd as decimal(18, 2)) as cogs_usd,
        cast(stock.on_hand_unit_days * terms.unit_cost_usd as decimal(18, 2)) as on_hand_usd_days,
        terms.cycle_service_level, terms.mean_lead_time_days, terms.sd_lead_time_days, terms.review_period_days,
        {{ textbook_safety_stock_units(
            "terms.z_factor", "stock.mean_daily_demand_units", "coalesce(stock.sd_daily_demand_units, 0)",
            "terms.mean_lead_time_days", "terms.sd_lead_time_days", "terms.review_period_days"
        ) }} as textbook_safety_stock_units
    from {{ ref("int_inventory_item_location") }} as stock
    inner join {{ ref("int_item_location_terms") }} as terms
        on stock.item_id = terms.item_id and stock.location_id = terms.location_id
    cross join {{ ref("int_policy") }} as policy
    -- without any count there is no stock to speak of, and none is not zero
    where stock.closing_units is not null
)

select
    item_id, location_id, vendor_id, abc_class, period_days, holding_cost_rate_per_year, first_stocked_date, ranged_days,
    stock_out_days, opening_units, received_units, sold_units, recorded_adjustment_units, adjusted_units, revenue_usd, cogs_usd,
    closing_units as on_hand_units,
    cast(closing_units * unit_cost_usd as decimal(18, 2)) as on_hand_usd,
    on_hand_unit_days, on_hand_usd_days,
    on_hand_unit_days / period_days as average_on_hand_units,
    cast(on_hand_usd_days / period_days as decimal(18, 2)) as average_inventory_usd,
    {{ inventory_turnover() }} as inventory_turnover,
    {{ days_inventory_outstanding() }} as days_inventory_outstanding,
    {{ holding_cost_usd() }} as holding_cost_usd,
    mean_daily_demand_units, sd_daily_demand_units, mean_lead_time_days, sd_lead_time_days, review_period_days,
    cycle_service_level, textbook_safety_stock_units,
    cast(textbook_safety_stock_units * unit_cost_usd as decimal(18, 2)) as textbook_safety_stock_usd,
    cast(
        mean_daily_demand_units * (mean_lead_time_days + review_period_days) + textbook_safety_stock_units as decimal(18, 4)
    ) as textbook_reorder_point_units
from valued
