-- the one pass over the ledger that gives months: a month as a whole number is cheaper to group by than its first day, and
-- whole numbers add up exactly as double without DuckDB's 128-bit sums
with by_month as (
    select
        ledger.item_id, ledger.location_id, as_of.is_stock_known and ledger.inventory_date >= as_of.stock_start_date as is_stock_known,
        cast(year(ledger.inventory_date) * 12 + month(ledger.inventory_date) - 1 as integer) as month_index,
        cast(sum(cast(ledger.sold_units as double)) as integer) as sold_units,
        cast(sum(cast(ledger.sold_units as double) * ledger.sold_units) as bigint) as sold_units_squared,
        cast(sum(cast(ledger.received_units as double)) as integer) as received_units,
        cast(sum(cast(ledger.recorded_adjustment_units as double)) as integer) as recorded_adjustment_units,
        cast(sum(cast(ledger.adjusted_units as double)) as integer) as adjusted_units,
        cast(sum(ledger.revenue_usd) as decimal(18, 2)) as revenue_usd,
        cast(sum(cast(
            ledger.opening_count_units + ledger.received_units - ledger.sold_units + ledger.recorded_adjustment_units
            + ledger.adjusted_units as double
        )) as integer) as change_units,
        cast(sum(cast(
            ledger.opening_count_units + ledger.received_units - ledger.sold_units + ledger.recorded_adjustment_units
            + ledger.adjusted_units as double
        ) * day(ledger.inventory_date)) as bigint) as change_units_by_day
    from {{ ref("int_stock_ledger") }} as ledger
    cross join {{ ref("int_as_of") }} as as_of
    group by all
),

dated as (
    select *, make_date(month_index // 12, month_index % 12 + 1, 1) as month_start_date from by_month
)

select
    dated.item_id, dated.location_id, dated.month_start_date, dated.is_stock_known, dated.sold_units, dated.sold_units_squared,
    dated.received_units, dated.recorded_adjustment_units, dated.adjusted_units, dated.revenue_usd,
    case when dated.is_stock_known then dated.change_units end as change_units,
    -- a change on day d counts for the days from d to the month's last known day
    case
        when dated.is_stock_known
            then dated.change_units * (day(least(last_day(dated.month_start_date), as_of.as_of_date)) + 1) - dated.change_units_by_day
    end as change_unit_days
from dated
cross join {{ ref("int_as_of") }} as as_of
