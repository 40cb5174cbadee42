with period as (
    select * from {{ ref("int_as_of") }}
),

counts as (
    select counts.location_id, counts.item_id, counts.count_date, counts.count_kind, counts.counted_units
    from {{ ref("stg_stock_counts") }} as counts
    cross join period
    where
        counts.count_kind <> 'opening'
        and counts.count_date between period.stock_start_date and period.as_of_date
        -- a count that already stands in for the opening stock cannot be checked against it
        and not period.is_opening_stand_in
    -- the closing count is the last word of its day
    qualify row_number() over (partition by counts.location_id, counts.item_id, counts.count_date order by counts.count_kind) = 1
),

-- days on which a whole store was counted; a closing count of less than half the lines of the store's fullest is a slip of
-- the pen or a part of the store, and speaks only of the items it lists
whole_counts as (
    select location_id, count_date
    from counts
    where count_kind = 'closing'
    group by location_id, count_date
    qualify 2 * count(*) >= max(count(*)) over (partition by location_id)
),

whole_intervals as (
    select
        location_id, count_date,
        lag(count_date, 1, date '0001-01-01') over (partition by location_id order by count_date) as previous_count_date
    from whole_counts
),

own_counts as (
    select counts.location_id, counts.item_id, counts.count_date
    from counts
    left join whole_counts on counts.location_id = whole_counts.location_id and counts.count_date = whole_counts.count_date
    where whole_counts.location_id is null
),

own_items as (
    select distinct location_id, item_id from own_counts
),

-- an item with counts of its own is counted on those days and with the whole store
own_intervals as (
    select
        location_id, item_id, count_date,
        lag(count_date, 1, date '0001-01-01') over (partition by location_id, item_id order by count_date) as previous_count_date
    from (
        select location_id, item_id, count_date from own_counts
        union all
        select own_items.location_id, own_items.item_id, whole_counts.count_date
        from own_items
        inner join whole_counts on own_items.location_id = whole_counts.location_id
    )
),

-- whole numbers add up exactly as double, in less time than DuckDB's 128-bit sums
movements as (
    select
        location_id, item_id, inventory_date,
        cast(opening_count_units + received_units + recorded_adjustment_units as double) as change_units
    from {{ ref("int_stock_movements") }}
    where inventory_date >= {{ stock_start() }}
    union all
    select location_id, item_id, sale_date, cast(-sold_units as double)
    from {{ ref("stg_sales") }}
    where sale_date >= {{ stock_start() }}
),

-- what the books moved between a count and the one before it
flows as (
    select movements.location_id, movements.item_id, intervals.count_date, cast(sum(movements.change_units) as integer) as flow_units
    from movements
    inner join whole_intervals as intervals
        on movements.location_id = intervals.location_id
        and movements.inventory_date > intervals.previous_count_date and movements.inventory_date <= intervals.count_date
    left join own_items on movements.location_id = own_items.location_id and movements.item_id = own_items.item_id
    where own_items.item_id is null
    group by movements.location_id, movements.item_id, intervals.count_date
    union all
    select movements.location_id, movements.item_id, intervals.count_date, cast(sum(movements.change_units) as integer)
    from movements
    inner join own_intervals as intervals
        on movements.location_id = intervals.location_id and movements.item_id = intervals.item_id
        and movements.inventory_date > intervals.previous_count_date and movements.inventory_date <= intervals.count_date
    group by movements.location_id, movements.item_id, intervals.count_date
),

known_items as (
    select location_id, item_id, min(count_date) as first_count_date
    from (
        select location_id, item_id, count_date from flows
        union all
        select location_id, item_id, count_date from counts
    )
    group by location_id, item_id
),

counted_days as (
    select known_items.location_id, known_items.item_id, whole_counts.count_date
    from known_items
    inner join whole_counts
        on known_items.location_id = whole_counts.location_id and known_items.first_count_date <= whole_counts.count_date
    union all
    select location_id, item_id, count_date from own_counts
),

-- an item that the count of a whole store does not list was counted as none
compared as (
    select
        days.location_id, days.item_id, days.count_date, coalesce(counts.count_kind, 'closing') as count_kind,
        counts.item_id is not null as is_listed,
        coalesce(counts.counted_units, 0) as counted_units,
        coalesce(flows.flow_units, 0) as flow_units
    from counted_days as days
    left join counts
        on days.location_id = counts.location_id and days.item_id = counts.item_id and days.count_date = counts.count_date
    left join flows
        on days.location_id = flows.location_id and days.item_id = flows.item_id and days.count_date = flows.count_date
),

-- every count sets the books to what was counted; from there they go on
booked as (
    select
        *,
        lag(counted_units, 1, 0) over (partition by location_id, item_id order by count_date) + flow_units as book_units
    from compared
)

select
    location_id, item_id, count_date, count_kind, is_listed, book_units, counted_units,
    counted_units - book_units as adjusted_units
from booked
