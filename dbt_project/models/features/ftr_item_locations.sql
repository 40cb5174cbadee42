-- an item sells at its own store's price; where it has not sold there, at the mean of all stores, else at the list price
with item_prices as (
    select item_id, cast(sum(revenue_usd) as double) / nullif(cast(sum(sold_units) as bigint), 0) as price_usd
    from {{ ref("int_inventory_item_location") }}
    group by item_id
),

-- what never was in stock is not dropped but yet to come
dropped as (
    select absences.item_id, absences.location_id
    from {{ ref("int_absences") }} as absences
    inner join {{ ref("int_inventory_item_location") }} as stock
        on absences.item_id = stock.item_id and absences.location_id = stock.location_id
    where absences.absence_state = 'not carried' and absences.last_absent_date = {{ as_of() }} and stock.last_traded_date is not null
),

history as (
    select max(weeks) as weeks from {{ ref("int_demand_profile") }}
),

priced as (
    select
        terms.item_id, terms.location_id, terms.vendor_id, terms.abc_class, terms.review_period_days, terms.cycle_service_level,
        terms.fill_rate_level,
        cast(terms.unit_cost_usd as double) as unit_cost_usd,
        coalesce(
            cast(stock.revenue_usd as double) / nullif(stock.sold_units, 0), item_prices.price_usd, cast(products.list_price_usd as double)
        ) as price_usd,
        nullif(products.category, 'Unknown') as product_category,
        nullif(locations.city, 'Unknown') as store_location,
        policy.holding_cost_rate_per_year
    from {{ ref("int_item_location_terms") }} as terms
    cross join {{ ref("int_policy") }} as policy
    inner join {{ ref("int_products") }} as products on terms.item_id = products.item_id
    left join {{ ref("int_locations") }} as locations on terms.location_id = locations.location_id
    left join {{ ref("int_inventory_item_location") }} as stock
        on terms.item_id = stock.item_id and terms.location_id = stock.location_id
    left join item_prices on terms.item_id = item_prices.item_id
)

select
    priced.item_id, priced.location_id, coalesce(priced.vendor_id, 0) as vendor_id, priced.abc_class,
    coalesce(profile.demand_pattern, 'none') as demand_pattern, priced.review_period_days,
    priced.product_category, priced.store_location,
    -- who was there when the history begins has no launch in it
    case when profile.weeks < history.weeks then {{ as_of() }} - cast(7 * profile.weeks - 1 as integer) end as first_week_start_date,
    priced.unit_cost_usd * priced.holding_cost_rate_per_year * 7 / 365 as holding_cost_usd,
    case when priced.price_usd < priced.unit_cost_usd then 0 else priced.price_usd - priced.unit_cost_usd end as shortage_cost_usd,
    priced.unit_cost_usd, cast(priced.cycle_service_level as double) as cycle_service_level,
    priced.fill_rate_level, dropped.item_id is null as is_carried
from priced
cross join history
left join dropped on priced.item_id = dropped.item_id and priced.location_id = dropped.location_id
left join {{ ref("int_demand_profile") }} as profile
    on priced.item_id = profile.item_id and priced.location_id = profile.location_id
