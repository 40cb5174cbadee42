-- what holds everywhere holds in every store that has the item
with weeks as (
    select
        promotions.item_id, coalesce(promotions.location_id, terms.location_id) as location_id, promotions.week_start_date,
        promotions.promoted_day_bits, promotions.promotion_run_days, promotions.discount_days
    from {{ ref("int_promotion_weeks") }} as promotions
    inner join {{ ref("int_item_location_terms") }} as terms
        on promotions.item_id = terms.item_id and coalesce(promotions.location_id, terms.location_id) = terms.location_id
)

select
    item_id, location_id, week_start_date,
    cast(bit_count(bit_or(promoted_day_bits)) as integer) as promotion_days,
    round(cast({{ exact_sum("discount_days") }} / sum(promotion_run_days) as double), 6) as discount
from weeks
group by item_id, location_id, week_start_date
