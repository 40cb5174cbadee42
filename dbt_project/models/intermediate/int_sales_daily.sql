-- sums are cast back: DuckDB adds in 128 bits and drags them through everything that follows
select
    location_id, item_id, sale_date,
    cast(sum(sold_units) as integer) as sold_units,
    cast(sum(revenue_usd) as decimal(18, 2)) as revenue_usd
from {{ ref("stg_sales") }}
where sale_date <= {{ as_of() }}
group by location_id, item_id, sale_date
