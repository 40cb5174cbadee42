select item_id, location_id, week_start_date, cast(bit_count(promoted_day_bits) as integer) as promotion_days, discount
from {{ ref("int_promotion_weeks") }}
