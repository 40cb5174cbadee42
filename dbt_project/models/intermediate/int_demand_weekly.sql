-- weeks are counted back from the as-of day, so that the newest week is always whole
with period as (
    select as_of.as_of_date, policy.demand_history_weeks, policy.stock_out_day_share
    from {{ ref("int_as_of") }} as as_of
    cross join {{ ref("int_policy") }} as policy
),

-- what the source itself says of stock-outs, where it reports hours instead of stock
reported as (
    select
        hours.location_id, hours.item_id,
        period.as_of_date - cast(7 * ((period.as_of_date - hours.stock_out_date) // 7) + 6 as integer) as week_start_date,
        min(hours.stock_out_date) as first_date,
        count(*) filter (
            where hours.open_hours > 0 and hours.stock_out_hours >= period.stock_out_day_share * hours.open_hours
        ) as stock_out_days
    from {{ ref("stg_stock_out_hours") }} as hours
    cross join period
    where hours.stock_out_date <= period.as_of_date
    group by 1, 2, 3
),

stocked as (
    select location_id, item_id, min(inventory_date) as first_date
    from {{ ref("int_stock_ledger") }}
    where opening_count_units > 0 or received_units > 0 or sold_units > 0
    group by location_id, item_id
    union all
    select location_id, item_id, min(first_date)
    from reported
    group by location_id, item_id
),

ranged as (
    select
        stocked.location_id, stocked.item_id, period.as_of_date,
        -- whole weeks since the item first was stocked or sold here; an item younger than a week has the part it has
        greatest(least((period.as_of_date - min(stocked.first_date) + 1) // 7, period.demand_history_weeks), 1) as weeks
    from stocked
    cross join period
    group by stocked.location_id, stocked.item_id, period.as_of_date, period.demand_history_weeks
),

spine as (
    select location_id, item_id, as_of_date - cast(7 * weeks_back + 6 as integer) as week_start_date
    from (select location_id, item_id, as_of_date, unnest(range(cast(weeks as bigint))) as weeks_back from ranged)
),

sold as (
    select
        ledger.location_id, ledger.item_id,
        period.as_of_date - cast(7 * ((period.as_of_date - ledger.inventory_date) // 7) + 6 as integer) as week_start_date,
        sum(ledger.sold_units) as sold_units
    from {{ ref("int_stock_ledger") }} as ledger
    cross join period
    where ledger.sold_units > 0
    group by 1, 2, 3
),

empty_spells as (
    select
        ledger.location_id, ledger.item_id, period.as_of_date, ledger.inventory_date as first_date,
        ledger.inventory_date + ledger.valid_days - 1 as last_date
    from {{ ref("int_stock_ledger") }} as ledger
    cross join period
    -- books below zero are wrong, not empty
    where ledger.closing_units = 0
),

empty_weeks as (
    select
        location_id, item_id, first_date, last_date,
        as_of_date - cast(7 * weeks_back + 6 as integer) as week_start_date
    from (
        select *, unnest(range((as_of_date - last_date) // 7, (as_of_date - first_date) // 7 + 1)) as weeks_back
        from empty_spells
    )
),

stock_outs as (
    select
        location_id, item_id, week_start_date,
        sum(least(last_date, week_start_date + 6) - greatest(first_date, week_start_date) + 1) as stock_out_days
    from empty_weeks
    group by location_id, item_id, week_start_date
)

select
    spine.item_id, spine.location_id, spine.week_start_date,
    cast(coalesce(sold.sold_units, 0) as integer) as sold_units,
    cast(coalesce(reported.stock_out_days, stock_outs.stock_out_days, 0) as integer) as stock_out_days
from spine
left join sold
    on spine.location_id = sold.location_id and spine.item_id = sold.item_id and spine.week_start_date = sold.week_start_date
left join stock_outs
    on spine.location_id = stock_outs.location_id and spine.item_id = stock_outs.item_id
    and spine.week_start_date = stock_outs.week_start_date
left join reported
    on spine.location_id = reported.location_id and spine.item_id = reported.item_id
    and spine.week_start_date = reported.week_start_date
