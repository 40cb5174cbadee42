{{ config(meta={"dagster": {"ref": {"name": "rpt_inventory_month"}}}) }}

-- the same stock and sales, whichever way they are added up
with levels as (
    select 'item_location' as level, sum(sold_units) as sold, sum(cogs_usd) as cogs, sum(on_hand_usd_days) as usd_days
    from {{ ref("rpt_inventory_item_location") }}
),

months as (
    select sum(sold_units) as sold, sum(cogs_usd) as cogs from {{ ref("rpt_inventory_month") }}
)

select * from levels cross join months
where levels.sold <> months.sold or abs(levels.cogs - months.cogs) > 1
