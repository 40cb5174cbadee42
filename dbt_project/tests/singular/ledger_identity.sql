{{ config(meta={"dagster": {"ref": {"name": "int_inventory_item_location"}}}) }}

-- opening + received - sold + adjusted = closing, and where a store was counted, closing is what was counted
with last_days as (
    select location_id, item_id, closing_units as ledger_units
    from {{ ref("int_stock_ledger") }}
    where inventory_date + valid_days > {{ as_of() }}
)

select stock.location_id, stock.item_id, stock.closing_units, last_days.ledger_units, counts.counted_units
from {{ ref("int_inventory_item_location") }} as stock
inner join last_days on stock.location_id = last_days.location_id and stock.item_id = last_days.item_id
left join {{ ref("int_stock_adjustments") }} as counts
    on stock.location_id = counts.location_id and stock.item_id = counts.item_id
    and counts.count_date = {{ as_of() }}
where
    stock.opening_units + stock.received_units - stock.sold_units + stock.adjusted_units <> last_days.ledger_units
    or counts.counted_units <> stock.closing_units
