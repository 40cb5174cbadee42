with movements as (
    select *, 0 as adjusted_units from {{ ref("int_stock_movements") }}
    union all
    select location_id, item_id, count_date, 0, 0, 0, 0, adjusted_units
    from {{ ref("int_stock_adjustments") }}
    where adjusted_units <> 0
),

-- sums are cast back: DuckDB adds in 128 bits and drags them through everything that follows
daily as (
    select
        location_id, item_id, inventory_date,
        cast(sum(opening_units) as integer) as opening_count_units,
        cast(sum(received_units) as integer) as received_units,
        cast(sum(sold_units) as integer) as sold_units,
        cast(sum(adjusted_units) as integer) as adjusted_units,
        cast(sum(revenue_usd) as decimal(18, 2)) as revenue_usd
    from movements
    group by location_id, item_id, inventory_date
),

-- stock is unknown before the first count, so movements before it do not touch the balance
changes as (
    select
        daily.*, period.as_of_date, daily.inventory_date >= period.stock_start_date as is_stock_known,
        case
            when daily.inventory_date >= period.stock_start_date
                then daily.opening_count_units + daily.received_units - daily.sold_units + daily.adjusted_units
            else 0
        end as change_units
    from daily
    cross join {{ ref("int_as_of") }} as period
)

select
    location_id, item_id, inventory_date, opening_count_units, received_units, sold_units, adjusted_units, revenue_usd,
    case when is_stock_known then cast(sum(change_units) over item_location_days as integer) end as closing_units,
    cast(coalesce(lead(inventory_date) over item_location_days, as_of_date + 1) - inventory_date as integer) as valid_days
from changes
window item_location_days as (partition by location_id, item_id order by inventory_date rows between unbounded preceding and current row)
