with period as (
    select *, cast(as_of_date - stock_start_date + 1 as integer) as period_days from {{ ref("int_as_of") }}
),

summed as (
    select
        ledger.location_id, ledger.item_id, period.period_days,
        min(ledger.inventory_date) as first_stocked_date,
        cast(sum(ledger.opening_count_units) as integer) as opening_units,
        cast(sum(ledger.received_units) as integer) as received_units,
        cast(sum(ledger.sold_units) as integer) as sold_units,
        cast(sum(ledger.adjusted_units) as integer) as adjusted_units,
        -- a change counts for every day that is left: the daily average without a row per day
        cast(sum(
            cast(ledger.opening_count_units + ledger.received_units - ledger.sold_units + ledger.adjusted_units as bigint)
            * (period.as_of_date - ledger.inventory_date + 1)
        ) as bigint) as on_hand_unit_days,
        cast(sum(cast(ledger.sold_units as bigint) * ledger.sold_units) as bigint) as sold_units_squared,
        cast(sum(case when ledger.closing_units <= 0 then ledger.valid_days else 0 end) as integer) as stock_out_days,
        cast(max(period.as_of_date) - min(ledger.inventory_date) + 1 as integer) as ranged_days
    from {{ ref("int_stock_ledger") }} as ledger
    cross join period
    where ledger.inventory_date >= period.stock_start_date
    group by ledger.location_id, ledger.item_id, period.period_days
),

revenue as (
    select sales.location_id, sales.item_id, cast(sum(sales.revenue_usd) as decimal(18, 2)) as revenue_usd
    from {{ ref("int_sales_daily") }} as sales
    cross join period
    where sales.sale_date >= period.stock_start_date
    group by sales.location_id, sales.item_id
)

select
    summed.location_id, summed.item_id, period_days, first_stocked_date, ranged_days, stock_out_days,
    opening_units, received_units, sold_units, adjusted_units,
    coalesce(revenue.revenue_usd, 0) as revenue_usd,
    opening_units + received_units - sold_units + adjusted_units as closing_units,
    on_hand_unit_days,
    sold_units / ranged_days as mean_daily_demand_units,
    case
        when ranged_days > 1
            then sqrt(greatest((sold_units_squared - sold_units * (sold_units / ranged_days)) / (ranged_days - 1), 0))
    end as sd_daily_demand_units
from summed
left join revenue on summed.location_id = revenue.location_id and summed.item_id = revenue.item_id
