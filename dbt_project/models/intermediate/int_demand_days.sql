with period as (
    select * from {{ ref("int_as_of") }}
),

stock_outs as (
    select *, absent_probability * (last_absent_date - first_absent_date + 1) as absent_days
    from {{ ref("int_absences") }}
    where absence_state not in ('not stocked yet', 'unknown')
),

-- sales by the day on which there was something to sell: good enough to weigh the items of a day by
rough_rates as (
    select
        stock.item_id, stock.location_id, products.category, stock.first_stocked_date,
        stock.sold_units / greatest(stock.ranged_days - coalesce({{ exact_sum("stock_outs.absent_days") }}, 0), 1) as units_per_day
    from {{ ref("int_inventory_item_location") }} as stock
    inner join {{ ref("int_products") }} as products on stock.item_id = products.item_id
    left join stock_outs on stock.item_id = stock_outs.item_id and stock.location_id = stock_outs.location_id
    where not exists (select 1 from {{ ref("stg_stock_out_hours") }})
    group by stock.item_id, stock.location_id, products.category, stock.first_stocked_date, stock.sold_units, stock.ranged_days
),

-- what comes onto a store's shelves and what goes, in units that sell on a day
changes as (
    select location_id, category, first_stocked_date as calendar_date, units_per_day as change_units from rough_rates
    union all
    select
        stock_outs.location_id, rough_rates.category, unnest([stock_outs.first_absent_date, cast(stock_outs.last_absent_date + 1 as date)]),
        unnest([-1, 1]) * absent_probability * units_per_day
    from stock_outs
    inner join rough_rates on stock_outs.item_id = rough_rates.item_id and stock_outs.location_id = rough_rates.location_id
),

daily_changes as (
    select location_id, category, calendar_date, cast({{ exact_sum("change_units") }} as decimal(18, 6)) as change_units
    from changes
    group by location_id, category, calendar_date
),

daily_sales as (
    select
        ledger.location_id, products.category, ledger.inventory_date as calendar_date,
        cast(sum(cast(ledger.sold_units as double)) as bigint) as sold_units
    from {{ ref("int_stock_ledger") }} as ledger
    inner join {{ ref("int_products") }} as products on ledger.item_id = products.item_id
    where ledger.inventory_date >= {{ stock_start() }}
    group by ledger.location_id, products.category, ledger.inventory_date
),

calendar as (
    select shelves.location_id, shelves.category, cast(dates.calendar_date as date) as calendar_date
    from (select distinct location_id, category from rough_rates) as shelves
    cross join (
        select unnest(generate_series(stock_start_date, as_of_date, interval '1 day')) as calendar_date from period
    ) as dates
),

days as (
    select
        calendar.location_id, calendar.category, calendar.calendar_date,
        coalesce(daily_sales.sold_units, 0) as sold_units,
        -- a day on which a whole store sells nothing is taken for closed
        sum(coalesce(daily_sales.sold_units, 0)) over (partition by calendar.location_id, calendar.calendar_date) > 0 as is_open,
        sum(coalesce(daily_changes.change_units, 0)) over (
            partition by calendar.location_id, calendar.category order by calendar.calendar_date
        ) as shelf_units_per_day
    from calendar
    left join daily_sales
        on calendar.location_id = daily_sales.location_id and calendar.category = daily_sales.category
        and calendar.calendar_date = daily_sales.calendar_date
    left join daily_changes
        on calendar.location_id = daily_changes.location_id and calendar.category = daily_changes.category
        and calendar.calendar_date = daily_changes.calendar_date
),

category_days as (
    select
        category, calendar_date, sum(sold_units) as sold_units,
        greatest(sum(case when is_open then shelf_units_per_day else 0 end), 0) as shelf_units_per_day
    from days
    group by category, calendar_date
),

-- one index for the chain: a single store's day holds too few sales, and its chance would follow its stock-outs
chain_days as (
    select
        calendar_date, coalesce(cast(sum(sold_units) as double) / nullif(cast(sum(shelf_units_per_day) as double), 0), 0) as demand_index
    from category_days
    group by calendar_date
),

-- what a category has of its own, Christmas above all, shows in the week around the day; few sales move it little
category_indexes as (
    select
        category_days.category, category_days.calendar_date,
        chain_days.demand_index * (sum(category_days.sold_units) over week_around + 50) / (
            sum(cast(category_days.shelf_units_per_day * chain_days.demand_index as decimal(18, 6))) over week_around + 50
        ) as demand_index
    from category_days
    inner join chain_days on category_days.calendar_date = chain_days.calendar_date
    window week_around as (
        partition by category_days.category order by category_days.calendar_date rows between 3 preceding and 3 following
    )
),

indexed as (
    select
        days.location_id, days.category, days.calendar_date, days.sold_units, days.is_open,
        cast(case when days.is_open then category_indexes.demand_index else 0 end as decimal(18, 9)) as demand_index
    from days
    inner join category_indexes
        on days.category = category_indexes.category and days.calendar_date = category_indexes.calendar_date
)

select
    location_id, category, calendar_date, cast(date_trunc('month', calendar_date) as date) as month_start_date, sold_units, is_open,
    cast(demand_index as double) as demand_index,
    cast(sum(case when is_open then 1 else 0 end) over so_far as integer) as open_days_to_date,
    cast(sum(demand_index) over so_far as double) as index_to_date,
    cast(sum(cast(demand_index * demand_index as decimal(18, 9))) over so_far as double) as index_squared_to_date
from indexed
window so_far as (partition by location_id, category order by calendar_date)
