with summed as (
    select
        item_id, location_id,
        sum(cast(layer_units as double)) as on_hand_units,
        sum(case when age_days <= 30 then cast(layer_units as double) else 0 end) as age_0_30_units,
        sum(case when age_days between 31 and 60 then cast(layer_units as double) else 0 end) as age_31_60_units,
        sum(case when age_days between 61 and 90 then cast(layer_units as double) else 0 end) as age_61_90_units,
        sum(case when age_days between 91 and 180 then cast(layer_units as double) else 0 end) as age_91_180_units,
        sum(case when age_days > 180 then cast(layer_units as double) else 0 end) as age_over_180_units,
        sum(cast(layer_units as double) * age_days) as unit_days,
        min(receipt_date) as oldest_receipt_date,
        sum(cast(unknown_receipt_units as double)) as unknown_receipt_units
    from {{ ref("int_stock_layers") }}
    group by item_id, location_id
),

expired as (
    select layers.item_id, layers.location_id, sum(cast(layers.layer_units as double)) as expired_units
    from {{ ref("int_stock_layers") }} as layers
    inner join {{ ref("int_products") }} as products on layers.item_id = products.item_id
    -- sold through the last day of its shelf life, and not after it
    where layers.age_days > products.shelf_life_days
    group by layers.item_id, layers.location_id
)

select
    summed.item_id, summed.location_id,
    cast(summed.on_hand_units as integer) as on_hand_units,
    cast(summed.age_0_30_units as integer) as age_0_30_units,
    cast(summed.age_31_60_units as integer) as age_31_60_units,
    cast(summed.age_61_90_units as integer) as age_61_90_units,
    cast(summed.age_91_180_units as integer) as age_91_180_units,
    cast(summed.age_over_180_units as integer) as age_over_180_units,
    summed.unit_days / summed.on_hand_units as mean_age_days,
    summed.oldest_receipt_date,
    cast(summed.unknown_receipt_units as integer) as unknown_receipt_units,
    case when products.shelf_life_days is not null then cast(coalesce(expired.expired_units, 0) as integer) end as expired_units
from summed
left join {{ ref("int_products") }} as products on summed.item_id = products.item_id
left join expired on summed.item_id = expired.item_id and summed.location_id = expired.location_id
