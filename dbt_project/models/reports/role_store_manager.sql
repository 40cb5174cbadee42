with arrivals as (
    select item_id, location_id, min(expected_receipt_date) as next_delivery_date
    from {{ ref("int_open_order_arrivals") }}
    group by item_id, location_id
),

known as (
    select
        health.*, products.item_name, products.category, products.list_price_usd, locations.city,
        position.is_dormant, orders.order_units, arrivals.next_delivery_date,
        orders.demand_units / nullif(orders.horizon_days, 0) as daily_demand_units,
        -- the next goods: what is on the way, else what would be ordered today
        coalesce(arrivals.next_delivery_date - health.as_of_date, terms.mean_lead_time_days) as next_delivery_days
    from {{ ref("rpt_inventory_health") }} as health
    inner join {{ ref("rec_inventory_position") }} as position
        on health.item_id = position.item_id and health.location_id = position.location_id
    inner join {{ ref("int_item_location_terms") }} as terms
        on health.item_id = terms.item_id and health.location_id = terms.location_id
    left join {{ ref("rec_orders") }} as orders on health.item_id = orders.item_id and health.location_id = orders.location_id
    inner join {{ ref("dim_product") }} as products on health.item_id = products.item_id
    inner join {{ ref("dim_location") }} as locations on health.location_id = locations.location_id
    left join arrivals on health.item_id = arrivals.item_id and health.location_id = arrivals.location_id
    where health.usable_on_hand_units is not null
),

short as (
    select
        *,
        greatest(next_delivery_days - forward_days_of_supply, 0) as short_days,
        greatest(next_delivery_days - forward_days_of_supply, 0) * daily_demand_units as short_units
    from known
    where not is_dormant and daily_demand_units > 0
),

concerns as (
    select
        as_of_date, location_id, item_id,
        case when usable_on_hand_units = 0 then 'sold out' else 'runs out before the next delivery' end as concern,
        short_days, cast(short_units * list_price_usd as decimal(18, 2)) as at_stake_usd,
        case
            when order_units > 0 then 'approve today''s order'
            when next_delivery_date is not null then 'ask whether the delivery can come earlier, or take some from another store'
            else 'nothing is ordered: look at the reason in rec_orders'
        end as what_to_do
    from short
    -- less than half a unit short is nobody's concern
    where usable_on_hand_units = 0 or short_units >= 0.5
    union all
    select
        as_of_date, location_id, item_id, 'stuck: not sold for long', null, on_hand_usd,
        'move it to a store that sells it, mark it down, or send it back'
    from known
    where is_dead
    union all
    select
        as_of_date, location_id, item_id, 'too much: more than the policy would ever keep', null, overstock_usd,
        'do not reorder; push it, or move it to a store that needs it'
    from known
    where overstock_units > 0 and not is_dead
    union all
    select
        as_of_date, location_id, item_id, 'expired', null, cast(expired_units * unit_cost_usd as decimal(18, 2)),
        'take it off the shelf and book it out'
    from known
    where expired_units > 0
    union all
    select as_of_date, location_id, item_id, exception, null, exception_usd, what_to_do
    from {{ ref("rpt_stock_exceptions") }}
)

select
    concerns.as_of_date, concerns.location_id, known.city, concerns.item_id, known.item_name, known.category, known.abc_class,
    concerns.concern, known.usable_on_hand_units, known.on_order_units, known.forward_days_of_supply, known.next_delivery_date,
    concerns.short_days, concerns.at_stake_usd, known.order_units, concerns.what_to_do,
    cast(row_number() over (
        partition by concerns.location_id order by concerns.at_stake_usd desc nulls last, concerns.item_id, concerns.concern
    ) as integer) as priority
from concerns
inner join known on concerns.item_id = known.item_id and concerns.location_id = known.location_id
