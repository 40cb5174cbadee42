-- per customer what was bought, and brought back, by the as-of day
with lines as (
    select * from {{ ref("stg_customer_orders") }} where order_date <= {{ as_of() }}
),

active as (
    select
        customer_id,
        min(order_date) filter (where ordered_units > 0) as first_order_date,
        max(order_date) filter (where ordered_units > 0) as last_order_date,
        cast(count(distinct order_id) filter (where ordered_units > 0) as integer) as order_count,
        cast(count(distinct item_id) filter (where ordered_units > 0) as integer) as item_count,
        cast(sum(greatest(ordered_units, 0)) as bigint) as ordered_units,
        cast(-sum(least(ordered_units, 0)) as bigint) as returned_units,
        cast(coalesce(sum(revenue_usd) filter (where ordered_units > 0), 0) as decimal(18, 2)) as ordered_usd,
        cast(coalesce(-sum(revenue_usd) filter (where ordered_units <= 0), 0) as decimal(18, 2)) as returned_usd
    from lines
    group by customer_id
),

described as (
    select customer_id, max(customer_name) as customer_name, max(country) as country
    from {{ ref("stg_customers") }}
    group by customer_id
)

select
    active.customer_id, described.customer_name, described.country, active.first_order_date, active.last_order_date,
    active.order_count, active.item_count, active.ordered_units, active.returned_units, active.ordered_usd, active.returned_usd,
    cast(active.ordered_usd - active.returned_usd as decimal(18, 2)) as revenue_usd
from active
left join described on active.customer_id = described.customer_id
