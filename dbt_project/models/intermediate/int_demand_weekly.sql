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

sold as (
    select
        ledger.location_id, ledger.item_id,
        period.as_of_date - cast(7 * ((period.as_of_date - ledger.inventory_date) // 7) + 6 as integer) as week_start_date,
        sum(cast(ledger.sold_units as double)) as sold_units,
        -- whole cents, so that the same sales give the same digits in any order
        sum(round(cast(ledger.revenue_usd as double) * 100)) as revenue_cents
    from {{ ref("int_stock_ledger") }} as ledger
    cross join period
    where ledger.sold_units > 0
    group by 1, 2, 3
),

-- the first week and every week with a sale; each stands for itself and the weeks up to the next: its price holds in them
events as (
    select location_id, item_id, as_of_date - cast(7 * weeks - 1 as integer) as week_start_date, 0 as sold_units, null as price_usd
    from ranged
    union all
    select sold.location_id, sold.item_id, sold.week_start_date, sold.sold_units, sold.revenue_cents / 100 / sold.sold_units
    from sold
    inner join ranged
        on sold.location_id = ranged.location_id and sold.item_id = ranged.item_id
        and sold.week_start_date >= ranged.as_of_date - cast(7 * ranged.weeks - 1 as integer)
),

spells as (
    select
        events.*,
        coalesce(
            lead(events.week_start_date) over (
                partition by events.location_id, events.item_id order by events.week_start_date, events.sold_units
            ), period.as_of_date + 1
        ) as next_week_start_date
    from events
    cross join period
),

spine as (
    select
        location_id, item_id, week_start_date + cast(7 * weeks_on as integer) as week_start_date,
        case when weeks_on = 0 then sold_units else 0 end as sold_units, price_usd
    from (select *, unnest(range((next_week_start_date - week_start_date) // 7)) as weeks_on from spells)
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
),

-- weeks of which no day could have sold one, because the store had dropped the item
dropped_weeks as (
    select
        location_id, item_id,
        {{ as_of() }} - cast(7 * unnest(
            range(({{ as_of() }} - last_absent_date + 6) // 7, ({{ as_of() }} - first_absent_date - 6) // 7 + 1)
        ) + 6 as integer) as week_start_date
    from {{ ref("int_absences") }}
    where absence_state = 'not carried'
)

select
    spine.item_id, spine.location_id, spine.week_start_date,
    cast(spine.sold_units as integer) as sold_units,
    cast(coalesce(reported.stock_out_days, stock_outs.stock_out_days, 0) as integer) as stock_out_days,
    spine.price_usd, dropped_weeks.item_id is null as is_carried
from spine
left join stock_outs
    on spine.location_id = stock_outs.location_id and spine.item_id = stock_outs.item_id
    and spine.week_start_date = stock_outs.week_start_date
left join reported
    on spine.location_id = reported.location_id and spine.item_id = reported.item_id
    and spine.week_start_date = reported.week_start_date
left join dropped_weeks
    on spine.location_id = dropped_weeks.location_id and spine.item_id = dropped_weeks.item_id
    and spine.week_start_date = dropped_weeks.week_start_date
