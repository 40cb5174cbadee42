with compared as (
    select
        item_id, cast(count(*) as integer) as competitor_count, max(observed_date) as observed_date,
        min(competitor_price_usd) as lowest_competitor_price_usd,
        cast(sum(competitor_price_usd) / count(*) as decimal(18, 4)) as average_competitor_price_usd
    from {{ ref("int_competitor_prices") }}
    group by item_id
)

select
    compared.item_id, products.item_name, products.category, classes.abc_class, products.list_price_usd,
    compared.competitor_count, compared.observed_date, compared.lowest_competitor_price_usd, compared.average_competitor_price_usd,
    cast(products.list_price_usd - compared.average_competitor_price_usd as double) / compared.average_competitor_price_usd
        as price_gap_share,
    products.list_price_usd > compared.lowest_competitor_price_usd as is_undercut
from compared
inner join {{ ref("int_products") }} as products on compared.item_id = products.item_id
inner join {{ ref("int_item_class") }} as classes on compared.item_id = classes.item_id
