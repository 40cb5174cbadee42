-- what people expect, as entered by the as-of day; the last word of the same days counts, wherever it was entered
with words as (
    select item_id, location_id, week_start_date, override_units, reason, entered_at, cast(entered_at as date) as known_from_date
    from {{ ref("forecast_overrides") }}
    union all
    select item_id, location_id, week_start_date, override_units, reason, entered_at, as_of_date
    from {{ ref("stg_input__forecast_overrides") }}
)

select
    item_id, location_id, week_start_date,
    arg_max(override_units, (entered_at, override_units)) as override_units,
    arg_max(reason, (entered_at, override_units)) as reason
from words
where known_from_date <= {{ as_of() }}
group by item_id, location_id, week_start_date
