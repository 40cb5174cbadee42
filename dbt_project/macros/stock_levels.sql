{#
  The levels that shrinkage is added up to, from rows with item_id, location_id and city in scope: name, key and own columns. The
  other levels' columns are null. `group by all` follows, so that a level without rows stays empty.
#}
{% macro stock_levels() %}
    {% do return([
        ("item_store", "item_id || '@' || location_id", ["item_id", "location_id"]),
        ("item", "cast(item_id as varchar)", ["item_id"]),
        ("store", "cast(location_id as varchar)", ["location_id"]),
        ("city", "city", ["city"]),
        ("chain", "'all'", []),
    ]) %}
{% endmacro %}

{% macro level_columns(name, key, own) -%}
'{{ name }}' as level, {{ key }} as level_key,
        {%- for column, type in [("item_id", "integer"), ("location_id", "integer"), ("city", "varchar")] %}
        {{ column if column in own else "cast(null as " ~ type ~ ")" }} as {{ column }},
        {%- endfor %}
{%- endmacro %}
