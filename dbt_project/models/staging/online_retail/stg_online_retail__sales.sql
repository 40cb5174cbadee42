-- per item and day: what the ledger would add up anyway
select
    1 as location_id, item_id, order_date as sale_date, cast(sum(ordered_units) as integer) as sold_units,
    cast(sum(revenue_usd) as decimal(18, 2)) as revenue_usd
from {{ ref("stg_online_retail__lines") }}
where line_kind = 'sale'
group by item_id, order_date
