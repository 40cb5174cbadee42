with period as (
    select * from {{ ref("int_as_of") }}
),

months as (
    select month_start_date, cast(count(*) as integer) as period_days
    from {{ ref("dim_date") }}
    cross join period
    -- without any count there is no stock to speak of, and none is not zero
    where period.is_stock_known and calendar_date between period.stock_start_date and period.as_of_date
    group by month_start_date
),

paced as (
    select
        stock.*,
        stock.sold_units / months.period_days as mean_daily_units,
        sqrt(
            greatest(stock.sold_units_squared - stock.sold_units * (stock.sold_units / months.period_days), 0)
            / greatest(months.period_days - 1, 1)
        ) as sd_daily_units
    from {{ ref("int_inventory_item_location_month") }} as stock
    inner join months on stock.month_start_date = months.month_start_date
    where stock.is_stock_known
),

-- safety stock is not a sum, so it is computed where stock is held
planned as (
    select
        paced.item_id, paced.month_start_date, paced.sold_units, paced.change_units, paced.change_unit_days, terms.unit_cost_usd,
        {{ textbook_safety_stock_units(
            "terms.z_factor", "paced.mean_daily_units", "paced.sd_daily_units",
            "terms.mean_lead_time_days", "terms.sd_lead_time_days", "terms.review_period_days"
        ) }} as textbook_safety_stock_units,
        cast(paced.mean_daily_units * (terms.mean_lead_time_days + terms.review_period_days) as decimal(18, 4))
            as protection_demand_units
    from paced
    inner join {{ ref("int_item_location_terms") }} as terms
        on paced.item_id = terms.item_id and paced.location_id = terms.location_id
),

-- units are added up per item before they are valued: the same sum, with a twentieth of the decimal products
by_item as (
    select
        item_id, month_start_date, unit_cost_usd,
        cast(sum(sold_units) as bigint) as sold_units,
        cast(sum(change_units) as bigint) as change_units,
        cast(sum(change_unit_days) as bigint) as change_unit_days,
        cast(sum(textbook_safety_stock_units) as decimal(18, 4)) as textbook_safety_stock_units,
        cast(sum(protection_demand_units) as decimal(18, 4)) as protection_demand_units
    from planned
    group by item_id, month_start_date, unit_cost_usd
),

-- from the calendar, so that a month in which nothing moved is there with its stock
by_month as (
    select
        months.month_start_date, months.period_days,
        cast(coalesce(sum(sold_units), 0) as bigint) as sold_units,
        cast(coalesce(sum(sold_units * unit_cost_usd), 0) as decimal(18, 2)) as cogs_usd,
        cast(coalesce(sum(change_units), 0) as bigint) as change_units,
        cast(coalesce(sum(change_units * unit_cost_usd), 0) as decimal(18, 2)) as change_usd,
        cast(coalesce(sum(change_unit_days), 0) as bigint) as change_unit_days,
        cast(coalesce(sum(change_unit_days * unit_cost_usd), 0) as decimal(18, 2)) as change_usd_days,
        cast(coalesce(sum(textbook_safety_stock_units), 0) as decimal(18, 4)) as textbook_safety_stock_units,
        cast(coalesce(sum(textbook_safety_stock_units * unit_cost_usd), 0) as decimal(18, 2)) as textbook_safety_stock_usd,
        cast(coalesce(sum(textbook_safety_stock_units + protection_demand_units), 0) as decimal(18, 4)) as textbook_reorder_point_units
    from months
    left join by_item on months.month_start_date = by_item.month_start_date
    group by months.month_start_date, months.period_days
),

revenue as (
    select month_start_date, cast(sum(revenue_usd) as decimal(18, 2)) as revenue_usd
    from {{ ref("int_inventory_item_location_month") }}
    where is_stock_known
    group by month_start_date
),

balanced as (
    select
        by_month.*, coalesce(revenue.revenue_usd, 0) as revenue_usd, policy.holding_cost_rate_per_year,
        cast(sum(change_units) over months_so_far as bigint) as on_hand_units,
        cast(sum(change_usd) over months_so_far as decimal(18, 2)) as on_hand_usd
    from by_month
    left join revenue on by_month.month_start_date = revenue.month_start_date
    cross join {{ ref("int_policy") }} as policy
    window months_so_far as (order by by_month.month_start_date rows between unbounded preceding and current row)
),

averaged as (
    select
        *,
        (on_hand_units - change_units) * period_days + change_unit_days as on_hand_unit_days,
        cast((on_hand_usd - change_usd) * period_days + change_usd_days as decimal(18, 2)) as on_hand_usd_days
    from balanced
)

select
    month_start_date, period_days, sold_units, revenue_usd, cogs_usd, on_hand_units, on_hand_usd,
    on_hand_unit_days / period_days as average_on_hand_units,
    cast(on_hand_usd_days / period_days as decimal(18, 2)) as average_inventory_usd,
    {{ inventory_turnover() }} as inventory_turnover,
    {{ days_inventory_outstanding() }} as days_inventory_outstanding,
    {{ holding_cost_usd() }} as holding_cost_usd,
    textbook_safety_stock_units, textbook_safety_stock_usd, textbook_reorder_point_units
from averaged
