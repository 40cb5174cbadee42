{{ config(materialized="view") }}

{% set sums = [
    "holding_cost_usd", "ordering_cost_usd", "lost_margin_usd", "total_cost_usd", "demand_units", "sold_units", "order_lines", "cogs_usd",
    "cycles", "short_cycles", "average_inventory_usd", "total_cost_at_low_demand_usd", "total_cost_at_high_demand_usd",
    "demand_at_low_units", "sold_at_low_units", "demand_at_high_units", "sold_at_high_units",
] %}
{% set no_class, no_vendor = "cast(null as varchar)", "cast(null as integer)" %}
{% set levels = {
    "chain": ("'all'", no_class, no_vendor),
    "class": ("abc_class", "abc_class", no_vendor),
    "vendor": ("cast(vendor_id as varchar)", no_class, "vendor_id"),
} %}

with summed as (
    {% for level, (level_key, abc_class, vendor_id) in levels.items() -%}
    select
        policy, '{{ level }}' as level, {{ level_key }} as level_key, {{ abc_class }} as abc_class, {{ vendor_id }} as vendor_id,
        first_week_start_date, weeks,
        cast(sum(series) as integer) as series,
        {% for name in sums -%}
        {{ exact_sum(name) }} as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ ref("stg_ml__policy_replay") }}
    group by all
    {{ "union all" if not loop.last }}
    {% endfor %}
),

differences as (
    select policy, baseline, segment, difference_usd, low_usd, high_usd, difference_share, low_share, high_share
    from {{ ref("stg_ml__policy_replay_differences") }}
)

select
    {{ as_of() }} as as_of_date, summed.policy, summed.level, summed.level_key, summed.abc_class, summed.vendor_id,
    summed.first_week_start_date, summed.weeks, summed.series,
    {% for name in sums[:8] -%}
    summed.{{ name }},
    {% endfor -%}
    summed.sold_units / nullif(summed.demand_units, 0) as fill_rate,
    1 - summed.short_cycles / nullif(summed.cycles, 0) as cycle_service,
    summed.average_inventory_usd,
    summed.cogs_usd / nullif(summed.average_inventory_usd, 0) * 365 / (7 * summed.weeks) as turns,
    summed.total_cost_at_low_demand_usd, summed.total_cost_at_high_demand_usd,
    summed.sold_at_low_units / nullif(summed.demand_at_low_units, 0) as fill_rate_at_low_demand,
    summed.sold_at_high_units / nullif(summed.demand_at_high_units, 0) as fill_rate_at_high_demand,
    cast(rank() over (
        partition by summed.level, summed.level_key order by summed.total_cost_usd
    ) as integer) as cost_rank,
    differences.baseline, differences.difference_usd, differences.low_usd, differences.high_usd,
    differences.difference_share, differences.low_share, differences.high_share
from summed
left join differences
    on summed.policy = differences.policy and summed.level <> 'vendor' and summed.level_key = differences.segment
