{{ config(meta={"dagster": {"ref": {"name": "rpt_service"}}}) }}

-- the same days, cycles and units, whichever way they are added up, and months add up to the whole period (vendors: only items that have one)
{% set sums = "sum(ranged_days) as ranged_days, sum(replenishment_cycles) as cycles, sum(served_units) as served_units, sum(lost_sales_units) as lost_units" %}
with chain as (
    select {{ sums }} from {{ ref("rpt_service") }} where level = 'chain' and period_type = 'whole period'
),

levels as (
    select level, period_type, count(*) as row_count, {{ sums }}
    from {{ ref("rpt_service") }}
    where level <> 'vendor'
    group by level, period_type
)

-- every row rounds its lost units to a hundredth
select levels.*
from levels
cross join chain
where
    levels.ranged_days <> chain.ranged_days
    or levels.cycles <> chain.cycles
    or levels.served_units <> chain.served_units
    or abs(levels.lost_units - chain.lost_units) > 0.005 * (levels.row_count + 1)
