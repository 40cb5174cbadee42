{% set buckets = ["0_30", "31_60", "61_90", "91_180", "over_180"] %}

with summed as (
    select
        health.as_of_date, health.location_id, products.category, health.abc_class,
        max(kpis.period_days) as period_days, max(kpis.holding_cost_rate_per_year) as holding_cost_rate_per_year,
        cast(count(*) filter (where health.on_hand_units > 0) as integer) as item_count,
        cast(coalesce(sum(kpis.cogs_usd), 0) as decimal(18, 2)) as cogs_usd,
        cast(coalesce(sum(kpis.on_hand_usd_days), 0) as decimal(18, 2)) as on_hand_usd_days,
        cast(coalesce(sum(health.on_hand_usd), 0) as decimal(18, 2)) as on_hand_usd,
        {% for bucket in buckets -%}
        cast(coalesce(sum(health.age_{{ bucket }}_usd), 0) as decimal(18, 2)) as age_{{ bucket }}_usd,
        {% endfor -%}
        cast(coalesce(sum(health.overstock_usd), 0) as decimal(18, 2)) as overstock_usd,
        cast(coalesce(sum(case when health.is_dead then health.on_hand_usd end), 0) as decimal(18, 2)) as dead_usd,
        cast(coalesce(sum(case when health.is_slow then health.on_hand_usd end), 0) as decimal(18, 2)) as slow_usd,
        cast(coalesce(sum(health.expired_units * health.unit_cost_usd), 0) as decimal(18, 2)) as expired_usd,
        cast(coalesce(sum(health.on_order_units * health.unit_cost_usd), 0) as decimal(18, 2)) as on_order_usd,
        cast(coalesce(sum(orders.order_usd), 0) as decimal(18, 2)) as order_usd
    from {{ ref("rpt_inventory_health") }} as health
    inner join {{ ref("dim_product") }} as products on health.item_id = products.item_id
    left join {{ ref("rpt_inventory_item_location") }} as kpis
        on health.item_id = kpis.item_id and health.location_id = kpis.location_id
    left join {{ ref("rec_orders") }} as orders on health.item_id = orders.item_id and health.location_id = orders.location_id
    where health.on_hand_units is not null
    group by health.as_of_date, health.location_id, products.category, health.abc_class
)

select
    summed.as_of_date, summed.location_id, locations.city, summed.category, summed.abc_class, summed.item_count,
    summed.on_hand_usd,
    cast(summed.on_hand_usd as double) / nullif(cast(sum(summed.on_hand_usd) over () as double), 0) as inventory_share,
    {% for bucket in buckets -%}
    summed.age_{{ bucket }}_usd,
    {% endfor -%}
    summed.overstock_usd, summed.dead_usd, summed.slow_usd, summed.expired_usd, summed.on_order_usd, summed.order_usd,
    summed.cogs_usd,
    cast(summed.on_hand_usd_days / summed.period_days as decimal(18, 2)) as average_inventory_usd,
    {{ inventory_turnover() }} as inventory_turnover,
    {{ days_inventory_outstanding() }} as days_inventory_outstanding,
    cast(summed.holding_cost_rate_per_year * cast(greatest(summed.on_hand_usd, 0) as double) as decimal(18, 2)) as holding_cost_usd_per_year
from summed
inner join {{ ref("dim_location") }} as locations on summed.location_id = locations.location_id
