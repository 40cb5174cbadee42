-- what people order instead on the as-of day, as entered by then; the last word counts, wherever it was entered
with words as (
    select item_id, location_id, valid_from, valid_to, order_units, reason, who_role, entered_at, cast(entered_at as date) as known_from_date
    from {{ ref("order_overrides") }}
    union all
    select item_id, location_id, valid_from, valid_to, order_units, reason, entered_by, entered_at, as_of_date
    from {{ ref("stg_input__order_overrides") }}
)

select
    item_id, location_id, order_units as override_order_units, reason as override_reason, who_role as override_role
from words
where {{ as_of() }} between valid_from and valid_to and known_from_date <= {{ as_of() }} and order_units >= 0
qualify row_number() over (partition by item_id, location_id order by entered_at desc, order_units desc, reason, who_role) = 1
