with items as (
    select
        health.item_id, max(health.as_of_date) as as_of_date,
        cast(sum(health.usable_on_hand_units) as bigint) as usable_on_hand_units,
        cast(sum(health.on_order_units) as bigint) as on_order_units,
        cast(sum(health.overstock_units) as bigint) as overstock_units,
        cast(sum(health.overstock_usd) as decimal(18, 2)) as overstock_usd,
        cast(sum(cast(orders.demand_units / nullif(orders.horizon_days, 0) as decimal(18, 6))) as double) as daily_demand_units
    from {{ ref("rpt_inventory_health") }} as health
    left join {{ ref("rec_orders") }} as orders on health.item_id = orders.item_id and health.location_id = orders.location_id
    where health.usable_on_hand_units is not null
    group by health.item_id
),

-- what promotions did to the item before; to its category, or to all, where it was never promoted
uplifts as (
    select
        products.item_id,
        coalesce(own.uplift_share, of_category.uplift_share, of_all.uplift_share, 0) as expected_uplift_share,
        case
            when own.uplift_share is not null then 'item'
            when of_category.uplift_share is not null then 'category'
            when of_all.uplift_share is not null then 'all items'
            else 'unknown, taken as none'
        end as uplift_basis
    from {{ ref("dim_product") }} as products
    left join (
        select item_id, sum(cast(uplift_units as decimal(18, 4))) / nullif(sum(cast(baseline_units as decimal(18, 4))), 0) as uplift_share
        from {{ ref("rpt_promotion_effect") }} where not is_running group by item_id
    ) as own on products.item_id = own.item_id
    left join (
        select category, sum(cast(uplift_units as decimal(18, 4))) / nullif(sum(cast(baseline_units as decimal(18, 4))), 0) as uplift_share
        from {{ ref("rpt_promotion_effect") }} where not is_running group by category
    ) as of_category on products.category = of_category.category
    cross join (
        select sum(cast(uplift_units as decimal(18, 4))) / nullif(sum(cast(baseline_units as decimal(18, 4))), 0) as uplift_share
        from {{ ref("rpt_promotion_effect") }} where not is_running
    ) as of_all
),

-- the next promotion of each item; one of a single store does not bind the stock of the chain
plans as (
    select
        item_id, arg_min(promotion_id, (first_date, promotion_id)) as promotion_id, min(first_date) as first_date,
        arg_min(last_date, (first_date, promotion_id)) as last_date
    from {{ ref("int_promotion_plan") }}
    where location_id is null
    group by item_id
),

expected as (
    select
        items.*, plans.promotion_id, plans.first_date, plans.last_date, uplifts.expected_uplift_share, uplifts.uplift_basis,
        items.daily_demand_units * (
            (plans.last_date - items.as_of_date)
            + greatest(uplifts.expected_uplift_share, 0) * (plans.last_date - greatest(plans.first_date - 1, items.as_of_date))
        ) as demand_until_end_units
    from items
    inner join uplifts on items.item_id = uplifts.item_id
    left join plans on items.item_id = plans.item_id
)

select
    expected.as_of_date, expected.item_id, products.item_name, products.category, products.abc_class,
    case
        when expected.promotion_id is not null and expected.usable_on_hand_units + expected.on_order_units < expected.demand_until_end_units
            then 'promotion: stock falls short'
        when expected.promotion_id is not null then 'promotion: stock carries it'
        when expected.overstock_units > 0 then 'push: more there than the policy would keep'
        when expected.usable_on_hand_units + expected.on_order_units = 0 then 'do not promote: nothing there and nothing coming'
        else 'nothing to do'
    end as advice,
    expected.promotion_id, expected.first_date as promotion_first_date, expected.last_date as promotion_last_date,
    expected.expected_uplift_share, expected.uplift_basis,
    expected.daily_demand_units, expected.demand_until_end_units,
    expected.usable_on_hand_units, expected.on_order_units,
    case
        when expected.promotion_id is not null
            then greatest(expected.demand_until_end_units - expected.usable_on_hand_units - expected.on_order_units, 0)
    end as shortfall_units,
    expected.overstock_units, expected.overstock_usd,
    products.list_price_usd,
    cast(products.list_price_usd - products.unit_cost_usd as double) / nullif(cast(products.list_price_usd as double), 0)
        as gross_margin_share,
    competitors.price_gap_share
from expected
inner join {{ ref("dim_product") }} as products on expected.item_id = products.item_id
left join {{ ref("rpt_competitor_prices") }} as competitors on expected.item_id = competitors.item_id
