with policy as (
    select policy.*, as_of.as_of_date from {{ ref("int_policy") }} as policy cross join {{ ref("int_as_of") }} as as_of
),

observed as (
    select
        hours.item_id, hours.location_id, hours.stock_out_date as calendar_date,
        1 - least(greatest(hours.stock_out_hours, 0) / hours.open_hours, 1) as available_share,
        coalesce(ledger.sold_units, 0) as sold_units
    from {{ ref("stg_stock_out_hours") }} as hours
    left join {{ ref("int_stock_ledger") }} as ledger
        on hours.item_id = ledger.item_id and hours.location_id = ledger.location_id and hours.stock_out_date = ledger.inventory_date
    where hours.open_hours > 0 and hours.stock_out_date <= {{ as_of() }}
),

last_sold as (
    select item_id, location_id, max(calendar_date) as last_sold_date
    from observed
    where sold_units > 0
    group by item_id, location_id
),

-- an item that has not sold for long and never comes back is no longer carried: its empty shelf loses nothing
days as materialized (
    select observed.*
    from observed
    inner join last_sold on observed.item_id = last_sold.item_id and observed.location_id = last_sold.location_id
    cross join policy
    where observed.calendar_date <= last_sold.last_sold_date or last_sold.last_sold_date >= policy.as_of_date - cast(policy.dormant_days as integer)
),

rough_rates as (
    select item_id, location_id, sum(sold_units) / greatest({{ exact_sum("available_share") }}, 1) as units_per_day
    from days
    group by item_id, location_id
),

indexes as (
    select
        days.calendar_date,
        coalesce(sum(days.sold_units) / nullif({{ exact_sum("rough_rates.units_per_day * days.available_share") }}, 0), 1) as demand_index
    from days
    inner join rough_rates on days.item_id = rough_rates.item_id and days.location_id = rough_rates.location_id
    group by days.calendar_date
),

item_locations as (
    select
        days.item_id, days.location_id,
        cast(sum(days.sold_units) as double) as sold_units,
        cast(sum(cast(days.sold_units as double) * days.sold_units) as double) as sold_units_squared,
        {{ exact_sum("indexes.demand_index") }} as index_sum,
        {{ exact_sum("indexes.demand_index * indexes.demand_index") }} as index_squared_sum,
        {{ exact_sum("indexes.demand_index * days.available_share") }} as available_index
    from days
    inner join indexes on days.calendar_date = indexes.calendar_date
    group by days.item_id, days.location_id
),

short_days as materialized (
    select days.*, indexes.demand_index
    from days
    inner join indexes on days.calendar_date = indexes.calendar_date
    where days.available_share < 1
),

rates_0 as (
    select item_id, location_id, sold_units / greatest(available_index, 1) as units_per_day, 1.0 as inverse_size
    from item_locations
),

{% for round in range(1, 3) %}
expected_{{ round }} as (
    {{ stock_out_hours_demand("short_days", "rates_" ~ (round - 1)) }}
),

completed_{{ round }} as (
    select
        item_id, location_id, {{ exact_sum("lost_units") }} as lost_units,
        -- E[(s + x)^2] - s^2, x the lost units
        {{ exact_sum("2 * sold_units * lost_units + lost_units * lost_units + lost_variance") }} as lost_units_squared
    from expected_{{ round }}
    group by item_id, location_id
),

demand_{{ round }} as (
    select
        item_locations.*,
        item_locations.sold_units + coalesce(completed.lost_units, 0) as demand_units,
        item_locations.sold_units_squared + coalesce(completed.lost_units_squared, 0) as demand_units_squared,
        (item_locations.sold_units + coalesce(completed.lost_units, 0)) / greatest(item_locations.index_sum, 1) as units_per_day
    from item_locations
    left join completed_{{ round }} as completed
        on item_locations.item_id = completed.item_id and item_locations.location_id = completed.location_id
),

sizes_{{ round }} as (
    select
        {{ pace_class("units_per_day") }} as pace_class,
        greatest(
            {{ exact_sum("demand_units_squared - demand_units") }}
            / nullif({{ exact_sum("units_per_day * units_per_day * index_squared_sum") }}, 0) - 1, 0.02
        ) as inverse_size
    from demand_{{ round }}
    where units_per_day > 0
    group by pace_class
),

rates_{{ round }} as (
    select demand.*, coalesce(sizes.inverse_size, 1) as inverse_size
    from demand_{{ round }} as demand
    left join sizes_{{ round }} as sizes on {{ pace_class("demand.units_per_day") }} = sizes.pace_class
),
{% endfor %}

final_days as (
    {{ stock_out_hours_demand("short_days", "rates_2") }}
),

lost as (
    select
        item_id, location_id, cast(date_trunc('month', calendar_date) as date) as month_start_date,
        {{ as_of() }} - cast(7 * (({{ as_of() }} - calendar_date) // 7) + 6 as integer) as week_start_date,
        {{ exact_sum("lost_units") }} as lost_units,
        {{ exact_sum("lost_variance") }} as chance_variance,
        {{ exact_sum("lost_index") }} as lost_index
    from final_days
    group by item_id, location_id, month_start_date, week_start_date
),

observed_parts as (
    select
        item_id, location_id, cast(date_trunc('month', calendar_date) as date) as month_start_date,
        {{ as_of() }} - cast(7 * (({{ as_of() }} - calendar_date) // 7) + 6 as integer) as week_start_date,
        cast(count(*) as integer) as known_days,
        {{ exact_sum("1 - available_share") }} as stock_out_days,
        cast(sum(sold_units) as bigint) as served_units
    from days
    group by item_id, location_id, month_start_date, week_start_date
)

select
    parts.item_id, parts.location_id, parts.month_start_date, parts.week_start_date, parts.known_days, parts.stock_out_days,
    parts.served_units,
    coalesce(lost.lost_units, 0) as lost_units,
    coalesce(lost.chance_variance, 0) as chance_variance,
    coalesce(lost.lost_index, 0) as lost_index,
    rates.units_per_day / greatest(rates.available_index, 1)
    * (1 + rates.inverse_size * rates.units_per_day * rates.index_squared_sum / greatest(rates.index_sum, 1)) as units_per_day_variance
from observed_parts as parts
inner join rates_2 as rates on parts.item_id = rates.item_id and parts.location_id = rates.location_id
left join lost
    on parts.item_id = lost.item_id and parts.location_id = lost.location_id
    and parts.month_start_date = lost.month_start_date and parts.week_start_date = lost.week_start_date
