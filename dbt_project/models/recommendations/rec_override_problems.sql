-- words on orders that cannot be followed, wherever they were entered; int_order_overrides and rec_orders go on without them
with words as (
    select 'seed order_overrides' as entered_in, item_id, location_id, valid_from, valid_to, order_units, reason, who_role, entered_at
    from {{ ref("order_overrides") }}
    union all
    select 'PostgreSQL', item_id, location_id, valid_from, valid_to, order_units, reason, entered_by, entered_at
    from {{ ref("stg_input__order_overrides") }}
),

judged as (
    select
        words.*,
        nullif(concat_ws(
            '; ',
            case when words.order_units < 0 then 'less than nothing cannot be ordered' end,
            case when words.valid_to < words.valid_from then 'its last day lies before its first' end,
            -- what is over was right in its time
            case
                when orders.item_id is null and words.valid_to >= {{ as_of() }}
                    then 'item ' || words.item_id || ' is not held at store ' || words.location_id
            end
        ), '') as problem
    from words
    left join {{ ref("rec_orders") }} as orders on words.item_id = orders.item_id and words.location_id = orders.location_id
)

select
    entered_in, item_id, location_id, valid_from, valid_to, order_units, reason as override_reason, who_role as override_role, entered_at, problem
from judged
where problem is not null
order by entered_at, item_id, location_id, valid_from
