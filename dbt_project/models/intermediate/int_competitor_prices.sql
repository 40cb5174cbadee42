-- what each competitor asked last, by the as-of day; a price seen somewhere counts everywhere
select
    item_id, competitor_name, max(observed_date) as observed_date,
    arg_max(competitor_price_usd, (observed_date, competitor_price_usd)) as competitor_price_usd
from {{ ref("stg_competitor_prices") }}
where observed_date <= {{ as_of() }} and competitor_price_usd > 0
group by item_id, competitor_name
