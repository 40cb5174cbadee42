-- what was sold on days of a promotion; a day with two promotions of an item counts once
with promoted_days as (
    select distinct item_id, location_id, cast(unnest(generate_series(first_date, last_date, interval 1 day)) as date) as sale_date
    from {{ ref("int_promotions") }}
),

sold as (
    select item_id, location_id, inventory_date as sale_date, sold_units, revenue_usd
    from {{ ref("int_stock_ledger") }}
    where sold_units > 0 and item_id in (select item_id from promoted_days)
),

everywhere as (
    select sold.*
    from sold
    inner join promoted_days as days
        on sold.item_id = days.item_id and sold.sale_date = days.sale_date
    where days.location_id is null
),

somewhere as (
    select sold.*
    from sold
    inner join promoted_days as days
        on sold.item_id = days.item_id and sold.sale_date = days.sale_date and sold.location_id = days.location_id
),

unioned as (
    select * from everywhere
    union
    select * from somewhere
)

select
    item_id, location_id, cast(date_trunc('month', sale_date) as date) as month_start_date,
    cast(sum(sold_units) as integer) as promoted_units,
    cast(sum(revenue_usd) as decimal(18, 2)) as promoted_usd
from unioned
group by item_id, location_id, month_start_date
