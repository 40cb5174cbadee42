-- what is in stock came in last: the newest receipts remain, down to the stock the books hold
with stocked as (
    select location_id, item_id, closing_units, first_stocked_date
    from {{ ref("int_inventory_item_location") }}
    where closing_units > 0
),

inflows as (
    select location_id, item_id, receipt_date, received_units as inflow_units, true as is_receipt
    from {{ ref("int_purchase_lines") }}
    where receipt_date >= {{ stock_start() }}
    union all
    -- goods found and put back count from that day; a difference of a count corrects the books and brings no goods
    select location_id, item_id, adjustment_date, recorded_adjustment_units, false
    from {{ ref("int_recorded_adjustments") }}
    where adjustment_date >= {{ stock_start() }} and recorded_adjustment_units > 0
),

-- whole numbers add up exactly as double, without DuckDB's 128-bit sums
newest_first as (
    select
        inflows.*, stocked.closing_units,
        coalesce(sum(cast(inflows.inflow_units as double)) over (
            partition by inflows.location_id, inflows.item_id order by inflows.receipt_date desc, inflows.is_receipt desc
            rows between unbounded preceding and 1 preceding
        ), 0) as newer_units
    from inflows
    inner join stocked on inflows.location_id = stocked.location_id and inflows.item_id = stocked.item_id
),

remaining as (
    select
        location_id, item_id, receipt_date, is_receipt,
        least(cast(inflow_units as double), closing_units - newer_units) as layer_units
    from newest_first
    where closing_units > newer_units and inflow_units > 0
),

explained as (
    select location_id, item_id, sum(layer_units) as layer_units from remaining group by location_id, item_id
),

-- older than every receipt the books know: as old as the books of the item, at least
layers as (
    select location_id, item_id, receipt_date, layer_units, is_receipt from remaining
    union all
    select
        stocked.location_id, stocked.item_id, stocked.first_stocked_date, stocked.closing_units - coalesce(explained.layer_units, 0), false
    from stocked
    left join explained on stocked.location_id = explained.location_id and stocked.item_id = explained.item_id
    where stocked.closing_units > coalesce(explained.layer_units, 0)
)

select
    item_id, location_id, receipt_date,
    cast(sum(layer_units) as integer) as layer_units,
    cast(sum(case when is_receipt then 0 else layer_units end) as integer) as unknown_receipt_units,
    cast({{ as_of() }} - receipt_date as integer) as age_days
from layers
group by item_id, location_id, receipt_date
