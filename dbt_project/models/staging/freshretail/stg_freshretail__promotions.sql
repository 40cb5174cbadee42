{{ config(materialized="table") }}

-- days of one promotion follow one another: their date minus their number among the item's promoted days is the same
with promoted_days as (
    select
        item_id, location_id, calendar_date, nullif(price_ratio, 0) as price_ratio,
        calendar_date - cast(row_number() over (partition by item_id, location_id order by calendar_date) as integer) as run_start
    from {{ ref("base_freshretail__days") }}
    where reject is null and is_promoted
)

select
    item_id || '-' || location_id || '-' || min(calendar_date) as promotion_id,
    item_id, location_id, min(calendar_date) as first_date, max(calendar_date) as last_date,
    cast(null as varchar) as promotion_name,
    cast(null as decimal(18, 4)) as promotion_price_usd,
    -- whole ten-thousandths, so that the same days give the same digits in any order
    case
        when count(price_ratio) > 0
            then greatest(1 - sum(cast(round(10000 * price_ratio) as bigint)) / (10000 * count(price_ratio)), 0)
    end as discount_share
from promoted_days
group by item_id, location_id, run_start
