-- days without stock, by the books, and days on which the books were below zero
with empty_days as (
    select
        location_id, item_id,
        max(inventory_date + valid_days - 1) as last_empty_date,
        cast(sum(case when closing_units < 0 then valid_days else 0 end) as integer) as negative_stock_days
    from {{ ref("int_stock_ledger") }}
    where closing_units <= 0
    group by location_id, item_id
),

last_counts as (
    select location_id, item_id, max(count_date) as last_found_date
    from {{ ref("int_stock_adjustments") }}
    where counted_units > 0
    group by location_id, item_id
),

silent as (
    select
        stock.item_id, stock.location_id, stock.closing_units, stock.selling_days,
        stock.ranged_days - stock.stock_out_days - coalesce(empty_days.negative_stock_days, 0) as in_stock_days,
        coalesce(empty_days.negative_stock_days, 0) as negative_stock_days,
        stock.last_sold_date, last_counts.last_found_date,
        -- the last day that broke the silence: a sale, an empty shelf, or the day before the item was first there
        greatest(
            stock.first_stocked_date - 1, coalesce(stock.last_sold_date, stock.first_stocked_date - 1),
            coalesce(empty_days.last_empty_date, stock.first_stocked_date - 1)
        ) as silent_after_date
    from {{ ref("int_inventory_item_location") }} as stock
    left join empty_days on stock.location_id = empty_days.location_id and stock.item_id = empty_days.item_id
    left join last_counts on stock.location_id = last_counts.location_id and stock.item_id = last_counts.item_id
    where stock.closing_units is not null
),

measured as (
    select
        *,
        cast({{ as_of() }} - silent_after_date as integer) as unsold_days,
        cast({{ as_of() }} - greatest(silent_after_date, coalesce(last_found_date, silent_after_date)) as integer) as unproven_days
    from silent
)

select
    item_id, location_id, closing_units, last_sold_date, last_found_date, selling_days, in_stock_days, negative_stock_days,
    unsold_days, unproven_days,
    -- sales come by the customer, not by the unit: a day with a sale is the event, and none in so many days is exp(-rate x days)
    case when selling_days > 0 then exp(-selling_days / nullif(in_stock_days, 0) * unproven_days) end as no_sale_probability
from measured
