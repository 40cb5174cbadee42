-- promotions that began by the as-of day, with the days they are compared with: some weeks before and after, without the days of
-- the item's other promotions, and without the days right after, when customers still live on what they stocked up
with known as (
    select distinct promotion_id, item_id, location_id, first_date, last_date
    from {{ ref("stg_promotions") }}
    where first_date <= {{ as_of() }} and last_date >= first_date
),

neighbours as (
    select
        *,
        max(last_date) over (
            partition by item_id, location_id order by first_date, last_date, promotion_id
            rows between unbounded preceding and 1 preceding
        ) as previous_last_date,
        lead(first_date) over (partition by item_id, location_id order by first_date, last_date, promotion_id) as next_first_date
    from known
)

select
    promotion_id, item_id, location_id, first_date,
    least(last_date, {{ as_of() }}) as last_date,
    last_date > {{ as_of() }} as is_running,
    least(last_date + cast(promotion_wake_days as integer), {{ as_of() }}) as wake_last_date,
    greatest(
        first_date - cast(promotion_baseline_days as integer),
        coalesce(previous_last_date + cast(promotion_wake_days as integer) + 1, date '1900-01-01')
    ) as before_first_date,
    first_date - 1 as before_last_date,
    last_date + cast(promotion_wake_days as integer) + 1 as after_first_date,
    least(
        last_date + cast(promotion_wake_days + promotion_baseline_days as integer),
        coalesce(next_first_date - 1, date '9999-12-31'), {{ as_of() }}
    ) as after_last_date
from neighbours
cross join {{ ref("int_policy") }}
