{#
  Turnover, GMROI, days of inventory and holding cost from sums, so that every level recomputes its ratios and none averages
  them. They expect cogs_usd (GMROI: gross_margin_usd), on_hand_usd_days (stock at cost, summed over the days of the period),
  period_days and holding_cost_rate_per_year in scope. Turnover and GMROI are null without stock, days are null without stock
  or sales: never infinite.
#}

{# USD of the period, made a year of 365 days, over average inventory at cost. #}
{% macro annualised_over_average_inventory(usd) -%}
cast({{ usd }} as double) / nullif(greatest(cast(on_hand_usd_days as double) / period_days, 0), 0) * 365 / period_days
{%- endmacro %}

{% macro inventory_turnover() -%}
{{ annualised_over_average_inventory("cogs_usd") }}
{%- endmacro %}

{% macro gross_margin_return_on_inventory() -%}
{{ annualised_over_average_inventory("gross_margin_usd") }}
{%- endmacro %}

{# 365 over the turnover just computed: it needs the column inventory_turnover before it in the same select. #}
{% macro days_inventory_outstanding() -%}
365 / nullif(inventory_turnover, 0)
{%- endmacro %}

{# Not greatest(): it passes over nulls, and stock at an unknown cost would cost nothing to hold. #}
{% macro holding_cost_usd() -%}
cast(holding_cost_rate_per_year * case when on_hand_usd_days < 0 then 0 else on_hand_usd_days end / 365 as decimal(18, 2))
{%- endmacro %}

{#
  Safety stock by the textbook: one-sided z of the cycle service level times the deviation of demand over the protection
  interval, lead time and review period together, with the lead time's own variability inside. Rounded to 4 digits, so that
  sums do not depend on the order they are taken in.
#}
{% macro textbook_safety_stock_units(z_factor, mean_units, sd_units, mean_lead_time_days, sd_lead_time_days, review_period_days) -%}
cast({{ z_factor }} * sqrt(
    ({{ mean_lead_time_days }} + {{ review_period_days }}) * {{ sd_units }} * {{ sd_units }}
    + {{ mean_units }} * {{ mean_units }} * {{ sd_lead_time_days }} * {{ sd_lead_time_days }}
) as decimal(18, 4))
{%- endmacro %}

{# One level of the inventory KPIs over rpt_inventory_item_location. #}
{% macro inventory_kpis_by(key_column) %}
with summed as (
    select
        {{ key_column }},
        -- the same on every row
        any_value(period_days) as period_days,
        any_value(holding_cost_rate_per_year) as holding_cost_rate_per_year,
        cast(sum(sold_units) as bigint) as sold_units,
        cast(sum(revenue_usd) as decimal(18, 2)) as revenue_usd,
        cast(sum(cogs_usd) as decimal(18, 2)) as cogs_usd,
        cast(sum(on_hand_units) as bigint) as on_hand_units,
        cast(sum(on_hand_usd) as decimal(18, 2)) as on_hand_usd,
        cast(sum(on_hand_unit_days) as bigint) as on_hand_unit_days,
        cast(sum(on_hand_usd_days) as decimal(18, 2)) as on_hand_usd_days,
        cast(sum(textbook_safety_stock_units) as decimal(18, 4)) as textbook_safety_stock_units,
        cast(sum(textbook_safety_stock_usd) as decimal(18, 2)) as textbook_safety_stock_usd,
        cast(sum(textbook_reorder_point_units) as decimal(18, 4)) as textbook_reorder_point_units
    from {{ ref("rpt_inventory_item_location") }}
    where {{ key_column }} is not null
    group by {{ key_column }}
)

select
    {{ key_column }}, period_days, sold_units, revenue_usd, cogs_usd, on_hand_units, on_hand_usd,
    on_hand_unit_days / period_days as average_on_hand_units,
    cast(on_hand_usd_days / period_days as decimal(18, 2)) as average_inventory_usd,
    {{ inventory_turnover() }} as inventory_turnover,
    {{ days_inventory_outstanding() }} as days_inventory_outstanding,
    {{ holding_cost_usd() }} as holding_cost_usd,
    textbook_safety_stock_units, textbook_safety_stock_usd, textbook_reorder_point_units
from summed
{% endmacro %}
