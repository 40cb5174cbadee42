{{ config(materialized="view") }}

-- a balance holds for days that lie in one week or in many; weeks are counted back from the as-of day, 0 is the newest
with balances as (
    select
        item_id, location_id,
        greatest(closing_units, 0) as on_hand_units,
        cast({{ as_of() }} - inventory_date as integer) as first_age_days,
        cast({{ as_of() }} - inventory_date as integer) - valid_days + 1 as last_age_days
    from {{ ref("int_stock_ledger") }}
    where closing_units is not null
),

weekly as (
    select
        item_id, location_id, on_hand_units, first_age_days, last_age_days,
        unnest(range(last_age_days // 7, first_age_days // 7 + 1)) as week_age
    from balances
    cross join {{ ref("int_policy") }} as policy
    where last_age_days < 7 * policy.demand_history_weeks
)

select
    cast(weekly.item_id as integer) as item_id, cast(weekly.location_id as integer) as location_id,
    {{ as_of() }} - cast(7 * weekly.week_age + 6 as integer) as week_start_date,
    cast(sum(cast(
        weekly.on_hand_units
        * (least(weekly.first_age_days, 7 * weekly.week_age + 6) - greatest(weekly.last_age_days, 7 * weekly.week_age) + 1) as double
    )) as double) / 7 as average_units,
    cast(sum(case when weekly.last_age_days <= 7 * weekly.week_age then cast(weekly.on_hand_units as double) else 0 end) as double) as closing_units
from weekly
cross join {{ ref("int_policy") }} as policy
where weekly.week_age < policy.demand_history_weeks
group by weekly.item_id, weekly.location_id, weekly.week_age
