-- weeks with a stock-out, or in which an item was dropped, say little about demand and are left out; leading zeros are not there to begin with
with profile as (
    select
        item_id, location_id,
        count(*) as weeks,
        count(*) filter (where is_carried and (stock_out_days = 0 or sold_units > 0)) as scored_weeks,
        count(*) filter (where sold_units > 0) as selling_weeks,
        sum(sold_units) as sold_units,
        sum(cast(sold_units as bigint) * sold_units) as sold_units_squared
    from {{ ref("int_demand_weekly") }}
    group by item_id, location_id
),

measured as (
    select
        *,
        scored_weeks / nullif(selling_weeks, 0) as adi,
        -- sample variance over squared mean, from whole-number sums: the same in any order
        coalesce((selling_weeks * sold_units_squared - sold_units * sold_units) / nullif(selling_weeks - 1, 0), 0)
        * selling_weeks / nullif(sold_units * sold_units, 0) as cv2,
        sqrt(greatest(scored_weeks * sold_units_squared - sold_units * sold_units, 0) * scored_weeks / nullif(scored_weeks - 1, 0))
        / nullif(sold_units, 0) as weekly_demand_cv
    from profile
)

select
    item_id, location_id, weeks, selling_weeks, adi, cv2, weekly_demand_cv,
    case
        when selling_weeks = 0 then 'none'
        when adi < 1.32 and cv2 < 0.49 then 'smooth'
        when adi < 1.32 then 'erratic'
        when cv2 < 0.49 then 'intermittent'
        else 'lumpy'
    end as demand_pattern
from measured
