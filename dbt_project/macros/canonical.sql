{#
  The canonical tables of staging: whatever the source, the models after them read the same columns. `canonical` stands in
  each stg_ model: it takes the columns and types of the model's own YAML from every adapter that fills the table.
#}
{% macro canonical(table_name) %}
{%- set fillers = [] -%}
{%- for adapter in var("adapters").values() if table_name in adapter.fills -%}
    {%- do fillers.append(adapter.fills[table_name]) -%}
{%- endfor -%}
{%- set columns = model.columns.values() | list if execute else [] -%}
{%- for filler in fillers %}
select {{ columns | map(attribute="name") | join(", ") or "1" }}
from {{ ref(filler) }}
{{- "\nwhere reject is null" if filler.startswith("base_") }}
{{ "union all" if not loop.last }}
{%- else %}
select {% for column in columns %}cast(null as {{ column.data_type }}) as {{ column.name }}{{ ", " if not loop.last }}{% else %}1{% endfor %}
where false
{%- endfor %}
{% endmacro %}

{# Every kind of raw file: adapter, table name, the base model that reads it, how many files there are, and what their absence changes. #}
{% macro raw_kinds() %}
    {%- set kinds = [] -%}
    {%- for adapter, declared in var("adapters").items() -%}
        {%- for table_name in declared.files -%}
            {%- set source_node = raw_source(adapter, table_name) if execute -%}
            {%- do kinds.append({
                "adapter": adapter,
                "table_name": table_name,
                "relation": ref("base_" ~ adapter ~ "__" ~ table_name),
                "file_count": raw_files(source_node) | length if execute else 0,
                "absence": source_node.meta.get("absence", "") if execute else "",
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {% do return(kinds) %}
{% endmacro %}
