-- an adjustment names no vendor: its item's vendor took the goods back
select
    products.vendor_id, adjustments.item_id, adjustments.adjustment_date as returned_date,
    cast(-sum(adjustments.adjusted_units) as bigint) as returned_units
from {{ ref("stg_stock_adjustments") }} as adjustments
inner join {{ ref("int_products") }} as products on adjustments.item_id = products.item_id
where adjustments.reason = 'return to vendor' and adjustments.adjustment_date <= {{ as_of() }}
group by all
