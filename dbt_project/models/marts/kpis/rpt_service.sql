{% set lost = {"units": "lost_units", "revenue": "lost_revenue_usd", "margin": "lost_margin_usd"} %}

with levels as (
    select
        'location' as entity, location_id as entity_id, 'chain' as level, 'all' as level_id, 'All stores' as level_name
    from {{ ref("dim_location") }}
    union all
    select 'location', location_id, 'city', city as level_id, city as level_name from {{ ref("dim_location") }}
    union all
    select 'location', location_id, 'location', cast(location_id as varchar), city from {{ ref("dim_location") }}
    union all
    select 'item', products.item_id, 'vendor', cast(products.vendor_id as varchar), vendors.vendor_name
    from {{ ref("dim_product") }} as products
    inner join {{ ref("dim_vendor") }} as vendors on products.vendor_id = vendors.vendor_id
    union all
    select 'item', item_id, 'abc_class', abc_class, 'Class ' || abc_class from {{ ref("dim_product") }}
    union all
    select 'item', item_id, 'item', cast(item_id as varchar), item_name from {{ ref("dim_product") }}
),

summed as (
    select
        levels.level, levels.level_id, levels.level_name, months.period_type, months.period_start_date, months.period_end_date,
        cast(sum(months.ranged_days) as bigint) as ranged_days,
        cast(sum(months.ranged_open_days) as bigint) as ranged_open_days,
        {{ exact_sum("months.stock_out_days") }} as stock_out_days,
        {{ exact_sum("months.stock_out_open_days") }} as stock_out_open_days,
        {{ exact_sum("months.hidden_stock_out_days") }} as hidden_stock_out_days,
        cast(sum(months.cycles) as bigint) as cycles,
        cast(sum(months.stock_out_cycles) as bigint) as stock_out_cycles,
        {{ exact_sum("months.hidden_stock_out_cycles") }} as hidden_stock_out_cycles,
        {{ exact_sum("months.target_cycles") }} as target_cycles,
        cast(sum(months.served_units) as bigint) as served_units,
        {{ exact_sum("months.lost_units") }} as lost_units,
        {{ exact_sum("months.lost_revenue_usd", 4) }} as lost_revenue_usd,
        {{ exact_sum("months.lost_margin_usd", 4) }} as lost_margin_usd,
        {{ exact_sum("months.lost_units_shared_error") }} as shared_error_units,
        {{ exact_sum("months.lost_units_variance") }} as lost_units_variance,
        {{ exact_sum("months.lost_revenue_variance", 2) }} as lost_revenue_variance,
        {{ exact_sum("months.lost_margin_variance", 2) }} as lost_margin_variance
    from {{ ref("int_service_months") }} as months
    inner join levels on months.entity = levels.entity and months.entity_id = levels.entity_id
    group by all
),

-- what all estimates have wrong in common does not average out, so it is added as a share of the whole
varied as (
    select
        *,
        {% for measure, mean in lost.items() -%}
        lost_{{ measure }}_variance + power(shared_error_units / nullif(lost_units, 0) * {{ mean }}, 2) as {{ measure }}_variance
        {{- "," if not loop.last }}
        {% endfor %}
    from summed
),

-- variances add up, quantiles do not: the interval of a level comes from its own mean and variance
bounded as (
    select
        varied.*,
        {% for side in ["low", "high"] -%}
        {% for measure, mean in lost.items() -%}
        {{ gamma_bound(mean, measure ~ "_variance", "standard_normal.z_factor", side) }} as lost_{{ measure }}_{{ side }},
        {% endfor %}{% endfor -%}
        standard_normal.z_factor
    from varied
    cross join {{ ref("standard_normal") }} as standard_normal
    where standard_normal.cycle_service_level = 0.95
)

select
    level, level_id, level_name, period_type, period_start_date, period_end_date,
    ranged_days, ranged_open_days,
    1 - stock_out_open_days / nullif(ranged_open_days, 0) as ready_rate,
    stock_out_days / nullif(ranged_days, 0) as stock_out_rate,
    hidden_stock_out_days / nullif(ranged_days, 0) as hidden_stock_out_rate,
    cycles as replenishment_cycles,
    target_cycles / nullif(cycles, 0) as cycle_service_level_target,
    1 - stock_out_cycles / nullif(cycles, 0) as cycle_service_level_achieved,
    1 - (stock_out_cycles + hidden_stock_out_cycles) / nullif(cycles, 0) as cycle_service_level_estimated,
    served_units,
    cast(served_units + lost_units as decimal(18, 2)) as demand_units,
    served_units / nullif(served_units + lost_units, 0) as fill_rate,
    served_units / nullif(served_units + lost_units_high, 0) as fill_rate_low,
    served_units / nullif(served_units + lost_units_low, 0) as fill_rate_high,
    cast(lost_units as decimal(18, 2)) as lost_sales_units,
    cast(lost_units_low as decimal(18, 2)) as lost_sales_units_low,
    cast(lost_units_high as decimal(18, 2)) as lost_sales_units_high,
    cast(lost_revenue_usd as decimal(18, 2)) as lost_sales_revenue_usd,
    cast(lost_revenue_low as decimal(18, 2)) as lost_sales_revenue_low_usd,
    cast(lost_revenue_high as decimal(18, 2)) as lost_sales_revenue_high_usd,
    cast(lost_margin_usd as decimal(18, 2)) as lost_sales_margin_usd,
    cast(least(lost_margin_low, lost_margin_high) as decimal(18, 2)) as lost_sales_margin_low_usd,
    cast(greatest(lost_margin_low, lost_margin_high) as decimal(18, 2)) as lost_sales_margin_high_usd
from bounded
