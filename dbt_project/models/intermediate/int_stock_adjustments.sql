with period as (
    select * from {{ ref("int_as_of") }}
),

counts as (
    select counts.location_id, counts.item_id, counts.count_date, counts.counted_units
    from {{ ref("stg_stock_counts") }} as counts
    cross join period
    where
        counts.count_kind = 'closing'
        and counts.count_date between period.stock_start_date and period.as_of_date
        -- a count that already stands in for the opening stock cannot be checked against it
        and not period.is_opening_stand_in
),

counted_locations as (
    select location_id, max(count_date) as count_date from counts group by location_id
),

movements as (
    select location_id, item_id, inventory_date, opening_count_units + received_units as change_units
    from {{ ref("int_stock_movements") }}
    union all
    select location_id, item_id, sale_date, -sold_units from {{ ref("stg_sales") }}
),

book as (
    select movements.location_id, movements.item_id, counted_locations.count_date, sum(movements.change_units) as book_units
    from movements
    inner join counted_locations on movements.location_id = counted_locations.location_id
    cross join period
    where movements.inventory_date between period.stock_start_date and counted_locations.count_date
    group by movements.location_id, movements.item_id, counted_locations.count_date
),

last_counts as (
    select counts.* from counts
    inner join counted_locations
        on counts.location_id = counted_locations.location_id and counts.count_date = counted_locations.count_date
)

-- an item that a store's count does not list was counted as none
select
    coalesce(book.location_id, last_counts.location_id) as location_id,
    coalesce(book.item_id, last_counts.item_id) as item_id,
    coalesce(book.count_date, last_counts.count_date) as count_date,
    cast(coalesce(book.book_units, 0) as integer) as book_units,
    coalesce(last_counts.counted_units, 0) as counted_units,
    cast(coalesce(last_counts.counted_units, 0) - coalesce(book.book_units, 0) as integer) as adjusted_units
from book
full join last_counts on book.location_id = last_counts.location_id and book.item_id = last_counts.item_id
