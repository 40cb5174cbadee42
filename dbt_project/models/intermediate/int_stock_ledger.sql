with other_movements as (
    select location_id, item_id, inventory_date, opening_count_units, received_units, 0 as adjusted_units
    from {{ ref("int_stock_movements") }}
    union all
    select location_id, item_id, count_date, 0, 0, adjusted_units
    from {{ ref("int_stock_adjustments") }}
    where adjusted_units <> 0
),

other_daily as (
    select
        location_id, item_id, inventory_date,
        cast(sum(opening_count_units) as integer) as opening_count_units,
        cast(sum(received_units) as integer) as received_units,
        cast(sum(adjusted_units) as integer) as adjusted_units
    from other_movements
    group by location_id, item_id, inventory_date
),

-- sales by day are already added up, so the few other movements are joined to them instead of adding up everything again
daily as (
    select
        coalesce(sales.location_id, other_daily.location_id) as location_id,
        coalesce(sales.item_id, other_daily.item_id) as item_id,
        coalesce(sales.sale_date, other_daily.inventory_date) as inventory_date,
        coalesce(other_daily.opening_count_units, 0) as opening_count_units,
        coalesce(other_daily.received_units, 0) as received_units,
        coalesce(sales.sold_units, 0) as sold_units,
        coalesce(other_daily.adjusted_units, 0) as adjusted_units
    from {{ ref("int_sales_daily") }} as sales
    full join other_daily
        on sales.location_id = other_daily.location_id and sales.item_id = other_daily.item_id
        and sales.sale_date = other_daily.inventory_date
),

-- stock is unknown before the first count, so movements before it do not touch the balance
changes as (
    select
        daily.*, period.as_of_date, period.stock_start_date,
        case
            when daily.inventory_date >= period.stock_start_date
                then daily.opening_count_units + daily.received_units - daily.sold_units + daily.adjusted_units
            else 0
        end as change_units
    from daily
    cross join {{ ref("int_as_of") }} as period
)

-- whole numbers are exact in double, and added without the 128 bits of an integer sum
select
    location_id, item_id, inventory_date, opening_count_units, received_units, sold_units, adjusted_units,
    case
        when inventory_date >= stock_start_date then cast(sum(cast(change_units as double)) over item_location_days as integer)
    end as closing_units,
    cast(coalesce(lead(inventory_date) over item_location_days, as_of_date + 1) - inventory_date as integer) as valid_days
from changes
window item_location_days as (partition by location_id, item_id order by inventory_date rows between unbounded preceding and current row)
