{{ config(materialized="view") }}

select
    counts.item_id, counts.location_id, counts.count_date, counts.count_kind, counts.is_listed,
    counts.book_units, counts.counted_units, counts.adjusted_units,
    cast(counts.adjusted_units * products.unit_cost_usd as decimal(18, 2)) as adjusted_usd
from {{ ref("int_stock_adjustments") }} as counts
inner join {{ ref("int_products") }} as products on counts.item_id = products.item_id
