with absences as (
    select
        absences.item_id, absences.location_id, absences.month_start_date, absences.absence_state, absences.absent_days,
        absences.absent_open_days, absences.run_out_sold_units as sold_units,
        absences.absent_probability, absences.absent_probability * absences.carried_probability as lost_probability,
        item_months.item_index * absences.absent_index as absent_index,
        power(item_months.item_index, 2) * absences.absent_index_squared as absent_index_squared,
        rates.units_per_day * item_months.item_index * absences.run_out_index as mean_units,
        rates.units_per_day, rates.units_per_day_variance, rates.inverse_size
    from {{ ref("int_absence_months") }} as absences
    inner join {{ ref("int_demand_item_months") }} as item_months
        on absences.item_id = item_months.item_id and absences.month_start_date = item_months.month_start_date
    inner join {{ ref("int_demand_rates") }} as rates
        on absences.item_id = rates.item_id and absences.location_id = rates.location_id
    where absences.absence_state in ('empty', 'hidden')
),

run_outs as (
    {{ run_out_excess("(select * from absences where sold_units > 0)") }}
),

lost as (
    select
        item_id, location_id, month_start_date, units_per_day_variance, lost_probability,
        units_per_day * absent_index as lost_units,
        units_per_day * absent_index + power(units_per_day, 2) * absent_index_squared * inverse_size as demand_variance,
        absent_index
    from absences
    union all
    -- the excess scatters as the tail of a geometric distribution does
    select item_id, location_id, month_start_date, units_per_day_variance, lost_probability, excess_units, excess_units * (1 + excess_units), 0
    from run_outs
)

select
    lost.item_id, lost.location_id, lost.month_start_date,
    {{ exact_sum("lost_probability * lost_units") }} as lost_units,
    {{ exact_sum("lost_probability * (demand_variance + (1 - lost_probability) * lost_units * lost_units)") }} as chance_variance,
    {{ exact_sum("lost_probability * absent_index") }} as lost_index,
    max(units_per_day_variance) as units_per_day_variance,
    any_value(policy.lost_sales_error_share) as shared_error_share
from lost
cross join {{ ref("int_policy") }} as policy
group by lost.item_id, lost.location_id, lost.month_start_date
union all
select
    hours.item_id, hours.location_id, hours.month_start_date,
    {{ exact_sum("hours.lost_units") }}, {{ exact_sum("hours.chance_variance") }}, {{ exact_sum("hours.lost_index") }},
    max(hours.units_per_day_variance), any_value(policy.lost_sales_hours_error_share)
from {{ ref("int_lost_sales_hours") }} as hours
cross join {{ ref("int_policy") }} as policy
where hours.lost_units > 0
group by hours.item_id, hours.location_id, hours.month_start_date
