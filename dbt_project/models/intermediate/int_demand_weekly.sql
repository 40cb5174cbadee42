-- weeks are counted back from the as-of day, so that the newest week is always whole
with period as (
    select as_of.as_of_date, policy.demand_history_weeks
    from {{ ref("int_as_of") }} as as_of
    cross join {{ ref("int_policy") }} as policy
),

ranged as (
    select
        ledger.location_id, ledger.item_id, period.as_of_date,
        -- whole weeks since the item first was stocked or sold here; an item younger than a week has the part it has
        greatest(least((period.as_of_date - min(ledger.inventory_date) + 1) // 7, period.demand_history_weeks), 1) as weeks
    from {{ ref("int_stock_ledger") }} as ledger
    cross join period
    where ledger.opening_count_units > 0 or ledger.received_units > 0 or ledger.sold_units > 0
    group by ledger.location_id, ledger.item_id, period.as_of_date, period.demand_history_weeks
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
    cast(coalesce(stock_outs.stock_out_days, 0) as integer) as stock_out_days
from spine
left join sold
    on spine.location_id = sold.location_id and spine.item_id = sold.item_id and spine.week_start_date = sold.week_start_date
left join stock_outs
    on spine.location_id = stock_outs.location_id and spine.item_id = stock_outs.item_id
    and spine.week_start_date = stock_outs.week_start_date
