-- the same estimate as int_lost_sales, spell by spell, cut at the ends of weeks (and of months, since an item's index is monthly)
with days as (
    select location_id, category, calendar_date, demand_index, index_to_date, index_squared_to_date from {{ ref("int_demand_days") }}
),

absences as (
    select
        absences.item_id, absences.location_id, products.category, absences.run_out_date, absences.first_absent_date, absences.last_absent_date,
        absences.sold_units, absences.absent_probability * absences.carried_probability as lost_probability,
        rates.units_per_day, rates.units_per_day_variance, rates.inverse_size, as_of.as_of_date
    from {{ ref("int_absences") }} as absences
    inner join {{ ref("int_demand_rates") }} as rates
        on absences.item_id = rates.item_id and absences.location_id = rates.location_id
    inner join {{ ref("int_products") }} as products on absences.item_id = products.item_id
    cross join {{ ref("int_as_of") }} as as_of
    where absences.absence_state in ('empty', 'hidden')
),

weeks as (
    select
        *,
        greatest(first_absent_date, as_of_date - cast(7 * weeks_back + 6 as integer)) as first_date,
        least(last_absent_date, as_of_date - cast(7 * weeks_back as integer)) as last_date
    from (
        select *, unnest(range((as_of_date - last_absent_date) // 7, (as_of_date - first_absent_date) // 7 + 1)) as weeks_back
        from absences
        where first_absent_date <= last_absent_date
    )
),

pieces as (
    select * replace (least(last_date, last_day(first_date)) as last_date) from weeks
    union all
    select * replace (cast(last_day(first_date) + 1 as date) as first_date) from weeks
    where last_date > last_day(first_date)
),

empty_days as (
    select
        pieces.item_id, pieces.location_id, pieces.as_of_date, pieces.first_date as lost_date, pieces.lost_probability,
        pieces.units_per_day, pieces.units_per_day_variance, pieces.inverse_size,
        item_months.item_index * (until.index_to_date - since.index_to_date + since.demand_index) as absent_index,
        power(item_months.item_index, 2)
        * (until.index_squared_to_date - since.index_squared_to_date + since.demand_index * since.demand_index) as absent_index_squared
    from pieces
    inner join {{ ref("int_demand_item_months") }} as item_months
        on pieces.item_id = item_months.item_id and date_trunc('month', pieces.first_date) = item_months.month_start_date
    inner join days as since on pieces.location_id = since.location_id and pieces.category = since.category and pieces.first_date = since.calendar_date
    inner join days as until on pieces.location_id = until.location_id and pieces.category = until.category and pieces.last_date = until.calendar_date
),

-- what was sold before the shelf was empty
run_out_days as (
    select
        absences.item_id, absences.location_id, absences.as_of_date, absences.run_out_date as lost_date, absences.lost_probability,
        absences.units_per_day_variance, absences.inverse_size, absences.sold_units,
        absences.units_per_day * item_months.item_index * days.demand_index as mean_units
    from absences
    inner join {{ ref("int_demand_item_months") }} as item_months
        on absences.item_id = item_months.item_id and date_trunc('month', absences.run_out_date) = item_months.month_start_date
    inner join days on absences.location_id = days.location_id and absences.category = days.category and absences.run_out_date = days.calendar_date
    where absences.first_absent_date > absences.run_out_date and absences.sold_units > 0
),

run_outs as (
    {{ run_out_excess("run_out_days") }}
),

lost as (
    select
        item_id, location_id, as_of_date, lost_date, units_per_day_variance, lost_probability,
        units_per_day * absent_index as lost_units,
        units_per_day * absent_index + power(units_per_day, 2) * absent_index_squared * inverse_size as demand_variance,
        absent_index
    from empty_days
    union all
    select
        item_id, location_id, as_of_date, lost_date, units_per_day_variance, lost_probability,
        excess_units, excess_units * (1 + excess_units), 0
    from run_outs
),

summed as (
    select
        lost.item_id, lost.location_id,
        lost.as_of_date - cast(7 * ((lost.as_of_date - lost.lost_date) // 7) + 6 as integer) as week_start_date,
        {{ exact_sum("lost.lost_probability * lost.lost_units") }} as lost_units,
        {{ exact_sum(
            "lost.lost_probability * (lost.demand_variance + (1 - lost.lost_probability) * lost.lost_units * lost.lost_units)"
        ) }} as chance_variance,
        {{ exact_sum("lost.lost_probability * lost.absent_index") }} as lost_index,
        max(lost.units_per_day_variance) as units_per_day_variance,
        any_value(policy.lost_sales_error_share) as shared_error_share
    from lost
    cross join {{ ref("int_policy") }} as policy
    group by 1, 2, 3
    union all
    select
        hours.item_id, hours.location_id, hours.week_start_date,
        {{ exact_sum("hours.lost_units") }}, {{ exact_sum("hours.chance_variance") }}, {{ exact_sum("hours.lost_index") }},
        max(hours.units_per_day_variance), any_value(policy.lost_sales_hours_error_share)
    from {{ ref("int_lost_sales_hours") }} as hours
    cross join {{ ref("int_policy") }} as policy
    where hours.lost_units > 0
    group by 1, 2, 3
),

measured as (
    select
        item_id, location_id, week_start_date, lost_units,
        chance_variance + lost_index * lost_index * units_per_day_variance + power(shared_error_share * lost_units, 2) as lost_units_variance
    from summed
    where lost_units > 0
)

select
    item_id, location_id, week_start_date, lost_units, lost_units_variance,
    {{ gamma_bound("lost_units", "lost_units_variance", "z_factor", "low") }} as lost_units_low,
    {{ gamma_bound("lost_units", "lost_units_variance", "z_factor", "high") }} as lost_units_high
from measured
cross join {{ ref("standard_normal") }} as standard_normal
where standard_normal.cycle_service_level = 0.95
