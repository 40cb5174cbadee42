{{ config(meta={"dagster": {"ref": {"name": "rpt_shrinkage"}}}) }}

-- the same units and money, whichever way they are added up, and by reason the same as by count and record
{% set names = ["loss_units", "gain_units", "loss_usd", "gain_usd"] %}
with levels as (
    select
        level,
        {% for name in names -%}
        cast(sum({{ name }}) as decimal(18, 2)) as {{ name }},
        cast(sum(recorded_{{ name }}) as decimal(18, 2)) as recorded_{{ name }},
        {% endfor -%}
        cast(sum(vendor_return_units) as decimal(18, 2)) as vendor_return_units,
        cast(sum(vendor_return_usd) as decimal(18, 2)) as vendor_return_usd
    from {{ ref("rpt_shrinkage") }}
    group by level
),

chain as (
    select * from levels where level = 'chain'
),

by_reason as (
    select
        level,
        {% for name in names -%}
        cast(coalesce(sum({{ name }}) filter (where reason = 'unknown'), 0) as decimal(18, 2)) as {{ name }},
        cast(coalesce(sum({{ name }}) filter (where reason not in ('unknown', 'return to vendor')), 0) as decimal(18, 2)) as recorded_{{ name }},
        {% endfor -%}
        cast(coalesce(sum(loss_units - gain_units) filter (where reason = 'return to vendor'), 0) as decimal(18, 2)) as vendor_return_units,
        cast(coalesce(sum(loss_usd - gain_usd) filter (where reason = 'return to vendor'), 0) as decimal(18, 2)) as vendor_return_usd
    from {{ ref("rpt_shrinkage_reason") }}
    group by level
),

compared as (
    select 'rpt_shrinkage' as model, * from levels
    union all
    select 'rpt_shrinkage_reason', * from by_reason
)

select compared.*
from compared
cross join chain
where
    compared.vendor_return_units <> chain.vendor_return_units
    or compared.vendor_return_usd <> coalesce(chain.vendor_return_usd, 0)
    {% for name in names -%}
    or coalesce(compared.{{ name }}, 0) <> coalesce(chain.{{ name }}, 0)
    or compared.recorded_{{ name }} <> coalesce(chain.recorded_{{ name }}, 0)
    {% endfor %}
