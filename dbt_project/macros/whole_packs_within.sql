{# The whole packs that fit into a room; 0 where they are fewer than the minimum order. #}
{% macro whole_packs_within(room_units) -%}
cast(case
        when floor(greatest({{ room_units }}, 0) / pack_units) * pack_units >= moq_units
            then floor(greatest({{ room_units }}, 0) / pack_units) * pack_units
        else 0
    end as integer)
{%- endmacro %}
