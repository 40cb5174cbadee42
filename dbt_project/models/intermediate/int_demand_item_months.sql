with chain_days as (
    select category, calendar_date, month_start_date, max(demand_index) as demand_index, bool_or(is_open) as is_open
    from {{ ref("int_demand_days") }}
    group by category, calendar_date, month_start_date
),

chain_months as (
    select
        category, month_start_date, count(*) as days, count(*) filter (where is_open) as open_days,
        {{ exact_sum("demand_index") }} as demand_index
    from chain_days
    group by category, month_start_date
),

-- days on which a store was closed and others were not: few, so that nothing is computed per item, store and month
closures as (
    select
        days.location_id, days.category, days.month_start_date, count(*) as closed_days, {{ exact_sum("chain_days.demand_index") }} as demand_index
    from {{ ref("int_demand_days") }} as days
    inner join chain_days on days.category = chain_days.category and days.calendar_date = chain_days.calendar_date
    where chain_days.is_open and not days.is_open
    group by days.location_id, days.category, days.month_start_date
),

location_totals as (
    select location_id, category, {{ exact_sum("demand_index") }} as demand_index
    from {{ ref("int_demand_days") }}
    group by location_id, category
),

absent_totals as (
    select item_id, location_id, {{ exact_sum("absent_probability * absent_index") }} as absent_index
    from {{ ref("int_absence_months") }}
    group by item_id, location_id
),

rates as (
    select
        stock.item_id, stock.location_id, products.category,
        case
            when location_totals.demand_index > coalesce(absent_totals.absent_index, 0)
                then stock.sold_units / greatest(location_totals.demand_index - coalesce(absent_totals.absent_index, 0), 1)
            else 0
        end as units_per_day
    from {{ ref("int_inventory_item_location") }} as stock
    inner join {{ ref("int_products") }} as products on stock.item_id = products.item_id
    inner join location_totals on stock.location_id = location_totals.location_id and products.category = location_totals.category
    left join absent_totals on stock.item_id = absent_totals.item_id and stock.location_id = absent_totals.location_id
),

items as (
    select item_id, category, count(*) as locations, {{ exact_sum("units_per_day") }} as units_per_day from rates group by item_id, category
),

-- per item and month, what is missing from all days of all stores: closed stores, empty shelves, items not there yet or any more
missing as (
    select
        rates.item_id, closures.month_start_date, 0 as days, closures.closed_days as open_days,
        rates.units_per_day * closures.demand_index as expected_units
    from rates
    inner join closures on rates.location_id = closures.location_id and rates.category = closures.category
    union all
    select
        absences.item_id, absences.month_start_date,
        case when absence_state in ('not stocked yet', 'not carried') then absent_days else 0 end,
        case when absence_state in ('not stocked yet', 'not carried') then absent_open_days else 0 end,
        rates.units_per_day * absences.absent_probability * absences.absent_index
    from {{ ref("int_absence_months") }} as absences
    inner join rates on absences.item_id = rates.item_id and absences.location_id = rates.location_id
),

missing_months as (
    select
        item_id, month_start_date, cast(sum(days) as integer) as days, cast(sum(open_days) as integer) as open_days,
        {{ exact_sum("expected_units") }} as expected_units
    from missing
    group by item_id, month_start_date
),

sold as (
    select
        item_id, cast(year(inventory_date) * 12 + month(inventory_date) as integer) as month_index,
        cast(sum(cast(sold_units as double)) as bigint) as sold_units
    from {{ ref("int_stock_ledger") }}
    where inventory_date >= {{ stock_start() }}
    group by item_id, month_index
),

expected as (
    select
        items.item_id, chain_months.month_start_date,
        coalesce(sold.sold_units, 0) as sold_units,
        cast(items.locations * chain_months.days - coalesce(missing_months.days, 0) as integer) as ranged_days,
        cast(items.locations * chain_months.open_days - coalesce(missing_months.open_days, 0) as integer) as ranged_open_days,
        greatest(items.units_per_day * chain_months.demand_index - coalesce(missing_months.expected_units, 0), 0) as expected_units
    from items
    inner join chain_months on items.category = chain_months.category
    left join missing_months
        on items.item_id = missing_months.item_id and chain_months.month_start_date = missing_months.month_start_date
    left join sold
        on items.item_id = sold.item_id
        and year(chain_months.month_start_date) * 12 + month(chain_months.month_start_date) = sold.month_index
)

select
    *,
    -- season, trend and promotions of the item itself, from all stores that had it; few sales move it little
    (sold_units + 4) / (expected_units + 4) as item_index
from expected
