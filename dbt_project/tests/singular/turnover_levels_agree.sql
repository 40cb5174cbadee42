{{ config(meta={"dagster": {"ref": {"name": "rpt_turnover"}}}) }}

-- the same sales, receipts and stock whichever way they are added up, in every period: items, brands, categories and vendors on one
-- way, stores and cities on the other
{% set units = ["sold_units", "received_units", "cohort_sold_units", "on_hand_units"] %}
{% set usd = [
    "revenue_usd", "revenue_at_known_cost_usd", "cogs_usd", "gross_margin_usd", "on_hand_usd", "average_inventory_usd",
    "average_below_zero_usd", "holding_cost_usd",
] %}
with levels as (
    select
        period_type, period_start_date, level, count(*) as row_count,
        {% for name in units + usd -%}
        coalesce(sum({{ name }}), 0) as {{ name }},
        {% endfor -%}
        sum(average_inventory_units) as average_inventory_units
    from {{ ref("rpt_turnover") }}
    group by period_type, period_start_date, level
)

-- cents are rounded on every row
select levels.period_type, levels.period_start_date, levels.level
from levels
left join levels as chain
    on levels.period_type = chain.period_type and levels.period_start_date = chain.period_start_date and chain.level = 'chain'
where
    chain.level is null
    {% for name in units -%}
    or levels.{{ name }} is distinct from chain.{{ name }}
    {% endfor -%}
    {% for name in usd -%}
    or abs(levels.{{ name }} - chain.{{ name }}) > 0.005 * (levels.row_count + 1)
    {% endfor -%}
    or abs(levels.average_inventory_units - chain.average_inventory_units) > 1e-6 * (1 + chain.average_inventory_units)
