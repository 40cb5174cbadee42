{# additive: what a level has is the sum of what its items or stores have #}
{% set sums = {
    "sold_units": "bigint", "received_units": "bigint", "cohort_sold_units": "bigint",
    "revenue_usd": "decimal(18, 2)", "revenue_at_known_cost_usd": "decimal(18, 2)", "cogs_usd": "decimal(18, 4)",
    "on_hand_units": "bigint", "on_hand_usd": "decimal(18, 4)",
    "on_hand_unit_days": "bigint", "on_hand_usd_days": "decimal(18, 4)",
    "negative_unit_days": "bigint", "negative_usd_days": "decimal(18, 4)",
} %}

with leveled as (
    {{ add_up_to_levels(
        ref("int_inventory_period"),
        ["period_type", "period_start_date", "period_end_date", "period_days", "is_complete"], sums
    ) }}
),

measured as (
    select
        leveled.*, policy.holding_cost_rate_per_year,
        leveled.revenue_at_known_cost_usd - leveled.cogs_usd as gross_margin_usd
    from leveled
    cross join {{ ref("int_policy") }} as policy
)

select
    period_type, period_start_date, period_end_date, period_days, is_complete,
    level, level_key, item_id, brand_name, category, vendor_id, location_id, city,
    sold_units, received_units, cohort_sold_units, revenue_usd, revenue_at_known_cost_usd,
    cast(cogs_usd as decimal(18, 2)) as cogs_usd,
    cast(gross_margin_usd as decimal(18, 2)) as gross_margin_usd,
    on_hand_units,
    cast(on_hand_usd as decimal(18, 2)) as on_hand_usd,
    on_hand_unit_days / period_days as average_inventory_units,
    cast(on_hand_usd_days / period_days as decimal(18, 2)) as average_inventory_usd,
    negative_unit_days / period_days as average_below_zero_units,
    cast(negative_usd_days / period_days as decimal(18, 2)) as average_below_zero_usd,
    {{ inventory_turnover() }} as inventory_turnover,
    {{ days_inventory_outstanding() }} as days_inventory_outstanding,
    {{ gross_margin_return_on_inventory() }} as gross_margin_return_on_inventory,
    sold_units / nullif(received_units, 0) as period_sell_through,
    cohort_sold_units / nullif(received_units, 0) as cohort_sell_through,
    {{ holding_cost_usd() }} as holding_cost_usd
from measured
