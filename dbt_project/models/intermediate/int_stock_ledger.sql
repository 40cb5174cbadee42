with period as (
    select as_of_date, stock_start_date, is_stock_known from {{ ref("int_as_of") }}
),

movements as (
    select
        sales.location_id, sales.item_id, sales.sale_date as inventory_date,
        0 as opening_count_units, 0 as received_units, sales.sold_units, 0 as recorded_adjustment_units, 0 as adjusted_units,
        sales.revenue_usd
    from {{ ref("stg_sales") }} as sales
    where sales.sale_date <= {{ as_of() }}
    union all
    select location_id, item_id, inventory_date, opening_count_units, received_units, 0, recorded_adjustment_units, 0, 0
    from {{ ref("int_stock_movements") }}
    union all
    select location_id, item_id, count_date, 0, 0, 0, 0, adjusted_units, 0
    from {{ ref("int_stock_adjustments") }}
    where adjusted_units <> 0
),

-- one sort of all lines, three answers: the balance after the line (the day's is that of its last line), and the days before
-- and after. Whole numbers add up exactly as double, in less than half the time of DuckDB's 128-bit sums.
balanced as materialized (
    select
        movements.*,
        -- stock is unknown before the first count, so movements before it do not touch the balance
        sum(case
            when inventory_date >= stock_start_date
                then cast(opening_count_units + received_units - sold_units + recorded_adjustment_units + adjusted_units as double)
            else 0
        end) over (item_location_days rows unbounded preceding) as closing_units,
        lag(inventory_date) over item_location_days as previous_date,
        lead(inventory_date) over item_location_days as next_date
    from movements
    cross join period
    window item_location_days as (partition by location_id, item_id order by inventory_date)
),

-- nearly every line is alone on its day: adding up 13 million days of one line each would cost as much as all the rest
single_lines as (
    select
        location_id, item_id, inventory_date, opening_count_units, received_units, sold_units, recorded_adjustment_units,
        adjusted_units, revenue_usd, closing_units, next_date
    from balanced
    where inventory_date is distinct from previous_date and inventory_date is distinct from next_date
),

shared_days as (
    select
        location_id, item_id, inventory_date,
        -- cast back here, or the union would carry every line through the 128 bits of these sums
        cast(sum(opening_count_units) as integer), cast(sum(received_units) as integer), cast(sum(sold_units) as integer),
        cast(sum(recorded_adjustment_units) as integer), cast(sum(adjusted_units) as integer),
        cast(sum(revenue_usd) as decimal(18, 2)),
        max(case when next_date is distinct from inventory_date then closing_units end),
        -- each line but the day's last is followed by one of the same day
        nullif(max(next_date), inventory_date)
    from balanced
    where inventory_date = previous_date or inventory_date = next_date
    group by location_id, item_id, inventory_date
),

daily as (
    select * from single_lines
    union all
    select * from shared_days
)

select
    location_id, item_id, inventory_date, opening_count_units, received_units, sold_units, recorded_adjustment_units,
    adjusted_units, revenue_usd,
    case when is_stock_known and inventory_date >= stock_start_date then cast(closing_units as integer) end as closing_units,
    cast(coalesce(next_date, as_of_date + 1) - inventory_date as integer) as valid_days
from daily
cross join period
