-- an adjustment names no vendor: its item's vendor took the goods back
select
    products.vendor_id, adjustments.item_id, adjustments.adjustment_date as returned_date,
    cast(-sum(adjustments.recorded_adjustment_units) as bigint) as returned_units
from {{ ref("int_recorded_adjustments") }} as adjustments
inner join {{ ref("int_products") }} as products on adjustments.item_id = products.item_id
where adjustments.reason = 'return to vendor'
group by all
