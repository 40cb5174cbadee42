with unsure as (
    select
        photo, photo_hash, model_version, inspected_date, item_id, location_id, vendor_id, purchase_order_id, lot_id, inspected_units,
        defect_probability, threshold
    from {{ ref("int_inspection_photos") }}
    where is_unsure
),

-- what the verdict may be about: all that came with the same order, or what is in stock, or what the photo stands for
deliveries as (
    select purchase_order_id, item_id, location_id, cast(sum(received_units) as bigint) as received_units
    from {{ ref("int_purchase_lines") }}
    where purchase_order_id in (select photos.purchase_order_id from unsure as photos)
    group by purchase_order_id, item_id, location_id
),

valued as (
    select
        unsure.*, products.item_name, products.unit_cost_usd,
        greatest(
            unsure.inspected_units,
            coalesce(nullif(least(deliveries.received_units, stock.closing_units), 0), stock.closing_units, deliveries.received_units, 0)
        ) as units_at_stake
    from unsure
    left join {{ ref("int_products") }} as products on unsure.item_id = products.item_id
    left join {{ ref("int_inventory_item_location") }} as stock
        on unsure.item_id = stock.item_id and unsure.location_id = stock.location_id
    left join deliveries
        on unsure.purchase_order_id = deliveries.purchase_order_id and unsure.item_id = deliveries.item_id
        and unsure.location_id = deliveries.location_id
)

select
    cast(row_number() over (
        order by cast(units_at_stake * unit_cost_usd as decimal(18, 2)) desc nulls last, units_at_stake desc, inspected_date desc, photo
    ) as integer) as queue_position,
    photo, photo_hash, inspected_date, item_id, item_name, location_id, vendor_id, purchase_order_id, lot_id, inspected_units,
    defect_probability, threshold, model_version,
    cast(units_at_stake as integer) as units_at_stake, cast(units_at_stake * unit_cost_usd as decimal(18, 2)) as usd_at_stake,
    'look at it and write good or defective into the column label of inspection_photos.csv: it counts, and the model learns from it'
        as what_to_do
from valued
