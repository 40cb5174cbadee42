with chain_days as (
    select category, calendar_date, month_start_date, max(demand_index) as demand_index
    from {{ ref("int_demand_days") }}
    group by category, calendar_date, month_start_date
),

chain_months as (
    select
        category, month_start_date, {{ exact_sum("demand_index") }} as demand_index,
        {{ exact_sum("demand_index * demand_index") }} as demand_index_squared
    from chain_days
    group by category, month_start_date
),

-- days on which a store was closed and others were not: few, so that nothing is computed per item, store and month
closures as (
    select
        days.location_id, days.category, days.month_start_date, {{ exact_sum("chain_days.demand_index") }} as demand_index,
        {{ exact_sum("chain_days.demand_index * chain_days.demand_index") }} as demand_index_squared
    from {{ ref("int_demand_days") }} as days
    inner join chain_days on days.category = chain_days.category and days.calendar_date = chain_days.calendar_date
    where chain_days.demand_index > 0 and not days.is_open
    group by days.location_id, days.category, days.month_start_date
),

items as (
    select
        item_months.item_id,
        {{ exact_sum("item_months.item_index * chain_months.demand_index") }} as index_sum,
        {{ exact_sum("power(item_months.item_index, 2) * chain_months.demand_index_squared") }} as index_squared_sum
    from {{ ref("int_demand_item_months") }} as item_months
    inner join {{ ref("int_products") }} as products on item_months.item_id = products.item_id
    inner join chain_months
        on products.category = chain_months.category and item_months.month_start_date = chain_months.month_start_date
    group by item_months.item_id
),

absence_months as (
    select absences.*, item_months.item_index
    from {{ ref("int_absence_months") }} as absences
    inner join {{ ref("int_demand_item_months") }} as item_months
        on absences.item_id = item_months.item_id and absences.month_start_date = item_months.month_start_date
),

missing as (
    select
        item_id, location_id, absent_probability * item_index * absent_index as index_sum,
        absent_probability * power(item_index, 2) * absent_index_squared as index_squared_sum
    from absence_months
    union all
    select
        stock.item_id, stock.location_id, item_months.item_index * closures.demand_index,
        power(item_months.item_index, 2) * closures.demand_index_squared
    from {{ ref("int_inventory_item_location") }} as stock
    inner join {{ ref("int_products") }} as products on stock.item_id = products.item_id
    inner join closures on stock.location_id = closures.location_id and products.category = closures.category
    inner join {{ ref("int_demand_item_months") }} as item_months
        on stock.item_id = item_months.item_id and closures.month_start_date = item_months.month_start_date
),

missing_sums as (
    select
        item_id, location_id, {{ exact_sum("index_sum") }} as index_sum, {{ exact_sum("index_squared_sum") }} as index_squared_sum
    from missing
    group by item_id, location_id
),

available as (
    select
        stock.item_id, stock.location_id, stock.sold_units,
        coalesce(power(stock.sd_daily_demand_units, 2), 0) * (stock.ranged_days - 1) + stock.sold_units * stock.mean_daily_demand_units
            as sold_units_squared,
        greatest(items.index_sum - coalesce(missing_sums.index_sum, 0), 0) as available_index,
        greatest(items.index_squared_sum - coalesce(missing_sums.index_squared_sum, 0), 0) as available_index_squared
    from {{ ref("int_inventory_item_location") }} as stock
    inner join items on stock.item_id = items.item_id
    left join missing_sums on stock.item_id = missing_sums.item_id and stock.location_id = missing_sums.location_id
),

run_outs as (
    select
        item_id, location_id, run_out_sold_units as sold_units, item_index * run_out_index as run_out_index, absent_probability
    from absence_months
    where run_out_sold_units > 0 and absence_state <> 'unknown'
),

demand_0 as (
    select *, cast(sold_units as double) as demand_units, cast(sold_units_squared as double) as demand_units_squared
    from available
),

{% for round in range(2) %}
-- what the item sells elsewhere, at the pace of this store
locations_{{ round }} as (
    select
        location_id,
        coalesce(
            {{ exact_sum("demand_units") }} / nullif({{ exact_sum("available_index") }}, 0)
            / nullif((select {{ exact_sum("demand_units") }} / nullif({{ exact_sum("available_index") }}, 0) from demand_{{ round }}), 0), 0
        ) as location_pace
    from demand_{{ round }}
    group by location_id
),

items_{{ round }} as (
    select
        demand.item_id,
        -- half a unit at the pace of the average item, for items that hardly sell anywhere
        ({{ exact_sum("demand_units") }} + 0.5) / (
            {{ exact_sum("available_index * location_pace") }}
            + 0.5 / nullif((select {{ exact_sum("demand_units") }} / nullif({{ exact_sum("available_index") }}, 0) from demand_{{ round }}), 0)
        ) as item_pace
    from demand_{{ round }} as demand
    inner join locations_{{ round }} as locations on demand.location_id = locations.location_id
    group by demand.item_id
),

-- as if the item had sold one unit more, at the pace it has elsewhere: a rate from many sales is its own, one from few is not
rates_{{ round }} as (
    select
        demand.*,
        (demand.demand_units + 1) / (demand.available_index + 1 / (items.item_pace * locations.location_pace)) as units_per_day,
        1 / (demand.available_index + 1 / (items.item_pace * locations.location_pace)) as rate_step
    from demand_{{ round }} as demand
    inner join locations_{{ round }} as locations on demand.location_id = locations.location_id
    inner join items_{{ round }} as items on demand.item_id = items.item_id
),

-- how far demand scatters beyond Poisson, from all items of about the same pace: single ones show too few peaks
sizes_{{ round }} as (
    select
        {{ pace_class("units_per_day") }} as pace_class,
        greatest(
            {{ exact_sum("demand_units_squared - demand_units") }}
            / nullif({{ exact_sum("power(units_per_day, 2) * available_index_squared") }}, 0) - 1, 0.02
        ) as inverse_size
    from rates_{{ round }}
    where units_per_day > 0
    group by pace_class
),

sized_{{ round }} as (
    select rates.*, coalesce(sizes.inverse_size, 1) as inverse_size
    from rates_{{ round }} as rates
    left join sizes_{{ round }} as sizes on {{ pace_class("rates.units_per_day") }} = sizes.pace_class
){% if not loop.last %},

expected_{{ round }} as (
    select
        run_outs.item_id, run_outs.location_id, run_outs.sold_units, run_outs.absent_probability,
        sized.units_per_day * run_outs.run_out_index as mean_units, sized.inverse_size
    from run_outs
    inner join sized_{{ round }} as sized on run_outs.item_id = sized.item_id and run_outs.location_id = sized.location_id
),

excess_{{ round }} as (
    {{ run_out_excess("expected_" ~ round) }}
),

excess_sums_{{ round }} as (
    select
        item_id, location_id,
        {{ exact_sum("absent_probability * excess_units") }} as excess_units,
        -- (s + e)^2 - s^2, with E[e^2] as of a geometric tail
        {{ exact_sum("absent_probability * excess_units * (2 * sold_units + 1 + 2 * excess_units)") }} as excess_units_squared
    from excess_{{ round }}
    group by item_id, location_id
),

demand_{{ round + 1 }} as (
    select
        available.*,
        available.sold_units + coalesce(excess.excess_units, 0) as demand_units,
        available.sold_units_squared + coalesce(excess.excess_units_squared, 0) as demand_units_squared
    from available
    left join excess_sums_{{ round }} as excess on available.item_id = excess.item_id and available.location_id = excess.location_id
),
{% endif %}
{% endfor %}
select
    item_id, location_id, round(available_index, 6) as available_index, round(demand_units, 6) as demand_units,
    round(units_per_day, 9) as units_per_day, round(inverse_size, 9) as inverse_size,
    -- of a Poisson rate, times how much more than Poisson its days scatter
    round(
        units_per_day * rate_step * (1 + coalesce(inverse_size * units_per_day * available_index_squared / nullif(available_index, 0), 0)), 9
    ) as units_per_day_variance
from sized_1
