-- an item without a stated price is valued at the average of its purchases: from that it could not differ
with standards as (
    select item_id, unit_cost_usd as standard_price_usd
    from {{ ref("int_products") }}
    where unit_cost_source in ('price history', 'price list')
),

received as (
    select
        lines.vendor_id, lines.item_id, lines.received_units, lines.purchase_usd,
        cast(date_trunc('month', lines.receipt_date) as date) as month_start_date,
        standards.standard_price_usd
    from {{ ref("int_purchase_lines") }} as lines
    left join standards on lines.item_id = standards.item_id
    where lines.receipt_date is not null
),

-- zero is how the files write "unknown", not the best price of the year
varied as (
    select
        *,
        case when purchase_usd > 0 then received_units else 0 end as priced_units,
        case when purchase_usd > 0 then purchase_usd - received_units * standard_price_usd end as variance_usd
    from received
),

summed as (
    select
        vendor_id, item_id, month_start_date, standard_price_usd,
        cast(sum(received_units) as bigint) as received_units,
        cast(sum(purchase_usd) as decimal(18, 2)) as received_usd,
        cast(sum(priced_units) as bigint) as priced_units,
        cast(sum(least(variance_usd, 0)) filter (where variance_usd is not null) as decimal(18, 2)) as favourable_variance_usd,
        cast(sum(greatest(variance_usd, 0)) filter (where variance_usd is not null) as decimal(18, 2)) as unfavourable_variance_usd
    from varied
    group by vendor_id, item_id, month_start_date, standard_price_usd
)

select
    vendor_id, item_id, month_start_date, received_units, received_usd, priced_units, standard_price_usd,
    cast(received_usd / nullif(priced_units, 0) as decimal(18, 4)) as average_purchase_price_usd,
    cast(nullif(priced_units, 0) * standard_price_usd as decimal(18, 2)) as standard_usd,
    cast(favourable_variance_usd + unfavourable_variance_usd as decimal(18, 2)) as purchase_price_variance_usd,
    favourable_variance_usd, unfavourable_variance_usd,
    cast(favourable_variance_usd + unfavourable_variance_usd as double)
    / cast(nullif(priced_units, 0) * standard_price_usd as double) as purchase_price_variance_share
from summed
