{#
  Rows of `relation` (base_level, base_id, the columns of `grain`, and `sums`, each with its type) added up to every level: what is
  known per item to brands, categories and vendors, what is known per store to cities and the chain. A level has columns of its
  own, which are null on all others, and a key that never is. A sum over nothing known stays null.
#}
{% macro add_up_to_levels(relation, grain, sums) %}
    {%- set own_columns = {"item_id": "integer", "brand_name": "varchar", "category": "varchar", "vendor_id": "integer",
        "location_id": "integer", "city": "varchar"} -%}
    {%- set levels = [
        {"name": "item", "base": "item", "key": "cast(products.item_id as varchar)", "own": {"item_id": "products.item_id"}},
        {"name": "brand", "base": "item", "key": "products.brand_name", "own": {"brand_name": "products.brand_name"}},
        {"name": "category", "base": "item", "key": "products.category", "own": {"category": "products.category"}},
        {"name": "vendor", "base": "item", "key": "coalesce(cast(products.vendor_id as varchar), 'Unknown')",
            "own": {"vendor_id": "products.vendor_id"}},
        {"name": "store", "base": "store", "key": "cast(locations.location_id as varchar)",
            "own": {"location_id": "locations.location_id"}},
        {"name": "city", "base": "store", "key": "locations.city", "own": {"city": "locations.city"}},
        {"name": "chain", "base": "store", "key": "'all'", "own": {}},
    ] -%}
    {%- for level in levels %}
    select
        '{{ level.name }}' as level, {{ level.key }} as level_key,
        {% for name, type in own_columns.items() -%}
        {{ level.own.get(name, "cast(null as " ~ type ~ ")") }} as {{ name }},
        {% endfor -%}
        {% for name in grain %}base.{{ name }}, {% endfor %}
        {%- for name, type in sums.items() %}
        cast(sum(base.{{ name }}) as {{ type }}) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ relation }} as base
    {%- if level.base == "item" %}
    inner join {{ ref("int_products") }} as products on base.base_id = products.item_id
    {%- else %}
    inner join {{ ref("dim_location") }} as locations on base.base_id = locations.location_id
    {%- endif %}
    where base.base_level = '{{ level.base }}'
    group by all
    {{ "union all" if not loop.last }}
    {%- endfor %}
{% endmacro %}
