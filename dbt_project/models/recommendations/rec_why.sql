{% set terms = [
    ("demand over the protection interval", "demand_units"),
    ("safety stock for demand", "demand_safety_stock_units"),
    ("safety stock for lead time", "lead_time_safety_stock_units"),
    ("what people expect beyond the model", "override_shift_units"),
    ("usable on hand", "-(usable_on_hand_units + quarantined_units + expected_defective_units)"),
    ("quarantined", "case when usable_on_hand_units is not null then quarantined_units end"),
    ("expected defectives", "case when usable_on_hand_units is not null then expected_defective_units end"),
    ("on order", "case when need_units is not null then -on_order_units end"),
    ("expected defectives on order", "case when need_units is not null then on_order_defective_units end"),
    ("backorders", "backorder_units"),
    ("up to the level the policy fills to", "case when need_units is not null then order_up_to_units - reorder_point_units end"),
    ("above the target: nothing to order", "-least(need_units, 0)"),
    ("not bought for long: taken for dropped", "case when is_dormant then -greatest(need_units, 0) end"),
    ("reorder level not reached", "case when not is_dormant and not is_reorder_level_reached then -greatest(need_units, 0) end"),
    ("yield", "case when batch_units > 0 then gross_need_units - need_units end"),
    ("economic order quantity", "case when batch_units > 0 then batch_units - gross_need_units end"),
    ("minimum order quantity", "minimum_units - batch_units"),
    ("whole packs", "packed_units - minimum_units"),
    ("cut to max stock", "max_stock_cut_units"),
    ("cut to what the shelf life can sell", "shelf_life_cut_units"),
] %}
{% set adjustments = ["transfer in", "transfer out", "order calendar", "vendor minimum", "joint order", "storage", "budget"] %}
{% set last_term = 100 %}

with all_terms as (
    {% for label, expression in terms %}
    select
        as_of_date, item_id, location_id, {{ loop.index }} as term_number,
        {% if label == "usable on hand" -%}
        case when quarantined_units + expected_defective_units > 0 then 'on hand, not expired' else 'usable on hand' end as term,
        {%- else -%}
        '{{ label }}' as term,
        {%- endif %}
        cast({{ expression }} as decimal(18, 4)) as term_units,
        -- the two terms everyone looks for are always there where they are known, the others where they say something
        {{ "true" if loop.index in (1, 5) else "false" }} as is_always_told
    from {{ ref("rec_order_terms") }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select as_of_date, item_id, location_id, term_number, term, term_units, cast(null as varchar) as reason
from all_terms
where term_units <> 0 or (is_always_told and term_units is not null)
union all
select
    adjustments.as_of_date, adjustments.item_id, adjustments.location_id,
    {{ last_term - adjustments | length }} + list_position({{ adjustments }}, adjustments.adjustment) as term_number,
    adjustments.adjustment as term, cast(adjustments.adjustment_units as decimal(18, 4)) as term_units, adjustments.reason
from {{ ref("stg_ml__order_adjustments") }} as adjustments
inner join {{ ref("rec_order_terms") }} as terms
    on adjustments.item_id = terms.item_id and adjustments.location_id = terms.location_id
union all
-- where stock is unknown the terms before it lead to the target level
select
    as_of_date, item_id, location_id, {{ last_term + 1 }} as term_number, 'what a person orders instead' as term,
    cast(override_order_units - coalesce(model_order_units + adjustment_units, reorder_point_units) as decimal(18, 4)) as term_units, reason
from {{ ref("rec_orders") }}
where override_order_units is not null
