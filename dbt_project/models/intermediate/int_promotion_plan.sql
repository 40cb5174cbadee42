-- promotions that run on the as-of day or begin soon: plans, which are known before they happen
select distinct promotion_id, item_id, location_id, first_date, last_date, first_date <= {{ as_of() }} as is_running
from {{ ref("stg_promotions") }}
where
    last_date > {{ as_of() }} and last_date >= first_date
    and first_date <= {{ as_of() }} + cast((select promotion_baseline_days from {{ ref("int_policy") }}) as integer)
