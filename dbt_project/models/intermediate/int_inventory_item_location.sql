with period as (
    select *, cast(as_of_date - stock_start_date + 1 as integer) as period_days from {{ ref("int_as_of") }}
),

summed as (
    select
        ledger.location_id, ledger.item_id, period.period_days, period.is_stock_known,
        min(ledger.inventory_date) as first_stocked_date,
        max(case when ledger.sold_units > 0 or ledger.received_units > 0 or ledger.opening_count_units > 0 then ledger.inventory_date end)
            as last_traded_date,
        max(case when ledger.sold_units > 0 then ledger.inventory_date end) as last_sold_date,
        cast(sum(case when ledger.sold_units > 0 then 1 else 0 end) as integer) as selling_days,
        cast(sum(ledger.opening_count_units) as integer) as opening_units,
        cast(sum(ledger.received_units) as integer) as received_units,
        cast(sum(ledger.sold_units) as integer) as sold_units,
        cast(sum(ledger.recorded_adjustment_units) as integer) as recorded_adjustment_units,
        cast(sum(ledger.adjusted_units) as integer) as adjusted_units,
        cast(sum(ledger.revenue_usd) as decimal(18, 2)) as revenue_usd,
        -- a change counts for every day that is left: the daily average without a row per day
        cast(sum(
            cast(
                ledger.opening_count_units + ledger.received_units - ledger.sold_units + ledger.recorded_adjustment_units
                + ledger.adjusted_units as bigint
            )
            * (period.as_of_date - ledger.inventory_date + 1)
        ) as bigint) as on_hand_unit_days,
        cast(sum(cast(ledger.sold_units as bigint) * ledger.sold_units) as bigint) as sold_units_squared,
        cast(sum(case when ledger.closing_units = 0 then ledger.valid_days else 0 end) as integer) as stock_out_days,
        cast(max(period.as_of_date) - min(ledger.inventory_date) + 1 as integer) as ranged_days
    from {{ ref("int_stock_ledger") }} as ledger
    cross join period
    where ledger.inventory_date >= period.stock_start_date
    group by ledger.location_id, ledger.item_id, period.period_days, period.is_stock_known
)

select
    location_id, item_id, period_days, first_stocked_date, last_traded_date, last_sold_date, selling_days, ranged_days,
    case when is_stock_known then stock_out_days end as stock_out_days,
    opening_units, received_units, sold_units, recorded_adjustment_units, adjusted_units, revenue_usd,
    case when is_stock_known then opening_units + received_units - sold_units + recorded_adjustment_units + adjusted_units end
        as closing_units,
    case when is_stock_known then on_hand_unit_days end as on_hand_unit_days,
    sold_units / ranged_days as mean_daily_demand_units,
    case
        when ranged_days > 1
            then sqrt(greatest((sold_units_squared - sold_units * (sold_units / ranged_days)) / (ranged_days - 1), 0))
    end as sd_daily_demand_units
from summed
