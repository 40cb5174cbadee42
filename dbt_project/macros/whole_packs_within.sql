{# The whole packs that fit into a room; 0 where they are fewer than the minimum order, which is not below zero. #}
{% macro whole_packs_within(room_units) -%}
cast(case
        when floor({{ room_units }} / pack_units) * pack_units >= moq_units
            then floor({{ room_units }} / pack_units) * pack_units
        else 0
    end as integer)
{%- endmacro %}
