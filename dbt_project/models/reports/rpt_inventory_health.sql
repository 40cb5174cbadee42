-- weeks as exact numbers, so that a sum has the same digits in any order
with weeks as (
    select item_id, location_id, week_start_date, cast(planned_units as decimal(18, 4)) as mean_units
    from {{ ref("rec_demand_forecast") }}
),

cumulated as (
    select
        item_id, location_id, mean_units,
        row_number() over weeks_so_far as week_number,
        sum(mean_units) over weeks_so_far as units_to_date
    from weeks
    window weeks_so_far as (
        partition by item_id, location_id order by week_start_date rows between unbounded preceding and current row
    )
),

-- what is there, and what is there and coming
supply as (
    select item_id, location_id, usable_on_hand_units as usable_units, inventory_position_units as position_units
    from {{ ref("rec_inventory_position") }}
),

-- the week in which the cumulative forecast reaches the supply, and the day in it; beyond the last week demand goes on as in it
supplied as (
    select
        weeks.item_id, weeks.location_id,
        cast(7 * max(weeks.week_number) as integer) as forecast_days,
        {% for name in ["usable", "position"] -%}
        case
            when max(supply.{{ name }}_units) <= 0 then 0
            when max(supply.{{ name }}_units) <= max(weeks.units_to_date)
                then max(
                    case
                        when
                            weeks.units_to_date >= supply.{{ name }}_units
                            and weeks.units_to_date - weeks.mean_units < supply.{{ name }}_units
                            then 7 * (
                                weeks.week_number
                                - cast(weeks.units_to_date - supply.{{ name }}_units as double) / cast(weeks.mean_units as double)
                            )
                    end
                )
            else
                7 * (
                    max(weeks.week_number)
                    + cast(max(supply.{{ name }}_units) - max(weeks.units_to_date) as double)
                    / nullif(cast(arg_max(weeks.mean_units, weeks.week_number) as double), 0)
                )
        end as {{ name }}_days{{ "," if not loop.last }}
        {% endfor %}
    from cumulated as weeks
    inner join supply on weeks.item_id = supply.item_id and weeks.location_id = supply.location_id
    group by weeks.item_id, weeks.location_id
),

targets as (
    select item_id, location_id, reorder_point_units, full_position_units from {{ ref("rec_order_terms") }}
),

errors as (
    select
        item_id, location_id, horizon_weeks as forecast_error_weeks, {{ forecast_error_cv() }} as forecast_error_cv
    from {{ ref("rec_champion") }}
),

joined as (
    select
        position.as_of_date, position.item_id, position.location_id, terms.vendor_id, terms.abc_class, profile.demand_pattern,
        terms.unit_cost_usd, as_of.is_stock_known,
        position.on_hand_units, position.expired_units, position.usable_on_hand_units, position.on_order_units,
        position.inventory_position_units, kpis.days_inventory_outstanding,
        supplied.forecast_days, supplied.usable_days, supplied.position_days,
        {% for bucket in ["0_30", "31_60", "61_90", "91_180", "over_180"] -%}
        coalesce(age.age_{{ bucket }}_units, 0) as age_{{ bucket }}_units,
        {% endfor -%}
        age.mean_age_days, age.oldest_receipt_date, coalesce(age.unknown_receipt_units, 0) as unknown_receipt_units,
        unsold.last_sold_date, unsold.unsold_days,
        position.on_hand_units > 0 and coalesce(unsold.unsold_days >= policy.dead_stock_days, false) as is_dead,
        coalesce(
            kpis.ranged_days >= policy.slow_cover_days
            and position.on_hand_units > kpis.mean_daily_demand_units * policy.slow_cover_days, false
        ) as is_out_of_pace,
        targets.reorder_point_units, targets.full_position_units,
        case
            when targets.full_position_units is not null
                then cast(floor(greatest(position.usable_on_hand_units - targets.full_position_units, 0)) as integer)
        end as overstock_units,
        errors.forecast_error_weeks, errors.forecast_error_cv, profile.weekly_demand_cv, policy.xyz_x_cv, policy.xyz_y_cv
    from {{ ref("rec_inventory_position") }} as position
    inner join {{ ref("int_item_location_terms") }} as terms
        on position.item_id = terms.item_id and position.location_id = terms.location_id
    cross join {{ ref("int_as_of") }} as as_of
    cross join {{ ref("int_policy") }} as policy
    left join {{ ref("rpt_inventory_item_location") }} as kpis
        on position.item_id = kpis.item_id and position.location_id = kpis.location_id
    left join {{ ref("int_demand_profile") }} as profile
        on position.item_id = profile.item_id and position.location_id = profile.location_id
    left join {{ ref("int_stock_age") }} as age on position.item_id = age.item_id and position.location_id = age.location_id
    left join {{ ref("int_unsold_days") }} as unsold
        on position.item_id = unsold.item_id and position.location_id = unsold.location_id
    left join supplied on position.item_id = supplied.item_id and position.location_id = supplied.location_id
    left join targets on position.item_id = targets.item_id and position.location_id = targets.location_id
    left join errors on position.item_id = errors.item_id and position.location_id = errors.location_id
)

{% set known = "case when is_stock_known then " %}
select
    as_of_date, item_id, location_id, vendor_id, abc_class,
    {{ xyz_class("forecast_error_cv") }} as xyz_class,
    coalesce(demand_pattern, 'none') as demand_pattern,
    unit_cost_usd,
    {{ known }} on_hand_units end as on_hand_units,
    {{ known }} cast(on_hand_units * unit_cost_usd as decimal(18, 2)) end as on_hand_usd,
    expired_units,
    {{ known }} usable_on_hand_units end as usable_on_hand_units,
    on_order_units,
    {{ known }} inventory_position_units end as inventory_position_units,
    days_inventory_outstanding,
    forecast_days,
    {{ known }} usable_days end as forward_days_of_supply,
    {{ known }} position_days end as forward_days_of_supply_with_on_order,
    {{ known }} usable_days > forecast_days end as is_supply_beyond_forecast,
    {% for bucket in ["0_30", "31_60", "61_90", "91_180", "over_180"] -%}
    {{ known }} age_{{ bucket }}_units end as age_{{ bucket }}_units,
    {% endfor -%}
    {% for bucket in ["0_30", "31_60", "61_90", "91_180", "over_180"] -%}
    {{ known }} cast(age_{{ bucket }}_units * unit_cost_usd as decimal(18, 2)) end as age_{{ bucket }}_usd,
    {% endfor -%}
    mean_age_days, oldest_receipt_date,
    {{ known }} unknown_receipt_units end as unknown_receipt_units,
    last_sold_date, unsold_days,
    {{ known }} is_dead end as is_dead,
    {{ known }} is_out_of_pace and on_hand_units > 0 and not is_dead end as is_slow,
    reorder_point_units, full_position_units,
    {{ known }} overstock_units end as overstock_units,
    {{ known }} cast(overstock_units * unit_cost_usd as decimal(18, 2)) end as overstock_usd,
    forecast_error_weeks, forecast_error_cv, weekly_demand_cv
from joined
