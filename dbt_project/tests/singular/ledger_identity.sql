{{ config(meta={"dagster": {"ref": {"name": "int_inventory_item_location"}}}) }}

-- opening + received - sold + recorded adjustments + adjusted = closing, and the books are what was counted, on every day of a count
with last_days as (
    select location_id, item_id, closing_units as ledger_units
    from {{ ref("int_stock_ledger") }}
    where inventory_date + valid_days > {{ as_of() }}
),

broken_sums as (
    select stock.location_id, stock.item_id, {{ as_of() }} as inventory_date, stock.closing_units, last_days.ledger_units
    from {{ ref("int_inventory_item_location") }} as stock
    inner join last_days on stock.location_id = last_days.location_id and stock.item_id = last_days.item_id
    where
        stock.opening_units + stock.received_units - stock.sold_units + stock.recorded_adjustment_units + stock.adjusted_units
        <> last_days.ledger_units
        or stock.closing_units is distinct from last_days.ledger_units
),

-- most counts are of the last day, whose balance is at hand
last_counts as (
    select counts.location_id, counts.item_id, counts.count_date, counts.counted_units, last_days.ledger_units
    from {{ ref("int_stock_adjustments") }} as counts
    left join last_days on counts.location_id = last_days.location_id and counts.item_id = last_days.item_id
    where counts.count_date = {{ as_of() }}
),

earlier_counts as (
    select counts.location_id, counts.item_id, counts.count_date, counts.counted_units, ledger.closing_units as ledger_units
    from {{ ref("int_stock_adjustments") }} as counts
    left join {{ ref("int_stock_ledger") }} as ledger
        on counts.location_id = ledger.location_id and counts.item_id = ledger.item_id
        and counts.count_date >= ledger.inventory_date and counts.count_date < ledger.inventory_date + ledger.valid_days
    where counts.count_date < {{ as_of() }}
),

unlike_counts as (
    select * from last_counts where counted_units <> coalesce(ledger_units, 0)
    union all
    select * from earlier_counts where counted_units <> coalesce(ledger_units, 0)
)

select location_id, item_id, inventory_date, closing_units as expected_units, ledger_units from broken_sums
union all
select location_id, item_id, count_date, counted_units, ledger_units from unlike_counts
