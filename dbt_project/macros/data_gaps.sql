{#
  Which tables have no row without which input: `needs` in the meta of a mart or report lists what it cannot do without; of
  "a or b" one is enough. Returns one line per table, need and alternative.
#}
{% macro table_needs() %}
    {%- set lines = [] -%}
    {%- for node in (graph.nodes.values() if execute else []) if node.resource_type == "model" -%}
        {%- for need in node.config.meta.get("needs", []) -%}
            {%- for input_name in need.split(" or ") -%}
                {%- do lines.append({"table_name": node.schema ~ "." ~ node.name, "need": need, "input_name": input_name | trim}) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {% do return(lines | sort(attribute="input_name") | sort(attribute="table_name")) %}
{% endmacro %}

{# Optional files: the file, the canonical table it fills, its names, and whether it adds to what the source's own files say. #}
{% macro optional_files() %}
    {%- set files = [] -%}
    {%- for table_name, model_name in var("adapters").optional.fills.items() -%}
        {%- set declared = raw_source("optional", model_name.split("__")[1]) if execute -%}
        {%- do files.append({
            "file_kind": model_name.split("__")[1],
            "relation": ref("stg_" ~ table_name),
            "file_names": declared.meta.file_patterns | join(" or ") if execute,
            "adds_to_known": declared.meta.get("adds_to_known", false) if execute,
        }) -%}
    {%- endfor -%}
    {% do return(files) %}
{% endmacro %}
