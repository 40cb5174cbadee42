-- stock is counted in whole units: hundredths of the source's scaled one, since nearly all sales have two decimals
select
    location_id, item_id, calendar_date as sale_date, cast(round(100 * scaled_units) as integer) as sold_units,
    cast(0 as decimal(18, 2)) as revenue_usd
from {{ ref("base_freshretail__days") }}
where reject is null and round(100 * scaled_units) > 0
