{# Schemas are named as the layers are, without a developer's prefix: the warehouse file itself is the environment. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
