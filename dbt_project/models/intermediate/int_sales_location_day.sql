with bands as (
    select
        price_band, row_number() over (order by lower_bound_usd) as band_number,
        cast(lower_bound_usd * 100 as integer) as lower_cents
    from {{ ref("price_bands") }}
    where {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
),

-- every whole cent up to the highest bound has its band: looking a price up is cheaper than comparing it with all bounds
cents as (
    select cast(unnest(range(max(lower_cents) + 1)) as integer) as price_cents from bands
),

prices as (
    select cents.price_cents, max(case when bands.lower_cents <= cents.price_cents then bands.band_number else 1 end) as band_number
    from cents
    cross join bands
    group by cents.price_cents
),

highest as (
    select max(price_cents) as price_cents from prices
),

priced as (
    select
        ledger.location_id, ledger.inventory_date as sale_date, ledger.sold_units, ledger.revenue_usd,
        -- a cent begun is not reached: 9.995 lies below 10
        cast(greatest(
            least(floor(round(cast(ledger.revenue_usd as double) * 100) / ledger.sold_units), highest.price_cents), 0
        ) as integer) as price_cents
    from {{ ref("int_stock_ledger") }} as ledger
    cross join highest
    where ledger.sold_units > 0
),

summed as (
    select
        priced.location_id, priced.sale_date, prices.band_number,
        cast(sum(cast(priced.sold_units as double)) as integer) as sold_units,
        cast(sum(priced.revenue_usd) as decimal(18, 2)) as revenue_usd
    from priced
    inner join prices on priced.price_cents = prices.price_cents
    group by priced.location_id, priced.sale_date, prices.band_number
)

select summed.location_id, summed.sale_date, bands.price_band, summed.sold_units, summed.revenue_usd
from summed
inner join bands on summed.band_number = bands.band_number
