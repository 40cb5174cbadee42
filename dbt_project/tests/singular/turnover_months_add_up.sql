{{ config(meta={"dagster": {"ref": {"name": "rpt_turnover"}}}) }}

-- months add up to quarters, years and rolling twelve months, on every level; stock adds up over days, and what is left is the last
-- month's
{% set units = ["sold_units", "received_units", "cohort_sold_units"] %}
{% set usd = ["revenue_usd", "revenue_at_known_cost_usd", "cogs_usd", "gross_margin_usd", "holding_cost_usd"] %}
with months as (
    select * from {{ ref("rpt_turnover") }} where period_type = 'month'
),

added as (
    select
        longer.period_type, longer.period_start_date, longer.level, longer.level_key, count(*) as row_count,
        max(longer.period_days) as period_days, cast(sum(months.period_days) as integer) as month_days,
        {% for name in units + usd -%}
        max(longer.{{ name }}) as {{ name }}, sum(months.{{ name }}) as month_{{ name }},
        {% endfor -%}
        max(longer.average_inventory_units * longer.period_days) as unit_days,
        sum(months.average_inventory_units * months.period_days) as month_unit_days,
        max(longer.on_hand_units) as on_hand_units, max_by(months.on_hand_units, months.period_start_date) as month_on_hand_units,
        max(longer.on_hand_usd) as on_hand_usd, max_by(months.on_hand_usd, months.period_start_date) as month_on_hand_usd
    from {{ ref("rpt_turnover") }} as longer
    left join months
        on longer.level = months.level and longer.level_key = months.level_key
        and months.period_start_date between longer.period_start_date and longer.period_end_date
    where longer.period_type <> 'month'
    group by longer.period_type, longer.period_start_date, longer.level, longer.level_key
)

-- cents are rounded on every row
select period_type, period_start_date, level, level_key
from added
where
    on_hand_units is distinct from month_on_hand_units
    or on_hand_usd is distinct from month_on_hand_usd
    or abs(unit_days - month_unit_days) > 1e-6 * (1 + unit_days)
    -- an item that came later has fewer months than the period
    or month_days > period_days or (level = 'chain' and month_days <> period_days)
    {% for name in units -%}
    or {{ name }} is distinct from month_{{ name }}
    {% endfor -%}
    {% for name in usd -%}
    or ({{ name }} is null) <> (month_{{ name }} is null)
    or abs({{ name }} - month_{{ name }}) > 0.005 * (row_count + 1)
    {% endfor %}
