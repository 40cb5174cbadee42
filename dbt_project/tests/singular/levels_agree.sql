{{ config(meta={"dagster": {"ref": {"name": "rpt_inventory_month"}}}) }}

-- the same stock and sales, whichever way they are added up (vendors: only items that have one)
{% set sums = "cast(sum(sold_units) as bigint) as sold_units, sum(cogs_usd) as cogs_usd, sum(on_hand_usd) as on_hand_usd" %}
with base as (
    select {{ sums }} from {{ ref("rpt_inventory_item_location") }}
),

levels as (
    select 'item' as level, {{ sums }} from {{ ref("rpt_inventory_item") }}
    union all
    select 'location', {{ sums }} from {{ ref("rpt_inventory_location") }}
    union all
    select 'vendor', {{ sums }} from (
        select sold_units, cogs_usd, on_hand_usd from {{ ref("rpt_inventory_vendor") }}
        union all
        select sold_units, cogs_usd, on_hand_usd from {{ ref("rpt_inventory_item_location") }} where vendor_id is null
    )
    union all
    -- stock adds up over places, not over months: the last month's is today's
    select
        'month', cast(sum(sold_units) as bigint), sum(cogs_usd), max_by(on_hand_usd, month_start_date)
    from {{ ref("rpt_inventory_month") }}
)

-- cents are rounded per item and place, so months may differ by as much
select levels.*
from levels
cross join base
where
    levels.sold_units is distinct from base.sold_units
    or abs(levels.cogs_usd - base.cogs_usd) > 0.01 + base.cogs_usd * 1e-6
    or abs(levels.on_hand_usd - base.on_hand_usd) > 0.01 + abs(base.on_hand_usd) * 1e-6
