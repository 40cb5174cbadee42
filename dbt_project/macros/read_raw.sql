{#
  Reading raw files: what a file is called, which columns it has and how its dates are written is declared once, in the
  `meta` of its dbt source; the macros here turn that declaration into SQL. `stage_raw` is the one a model calls.

  Every column is read as text and cast with try_cast in the same single pass, so that a value that cannot be read is
  kept beside its line number instead of stopping the load or disappearing.
#}

{# The declaration of one raw file, or an error that names the source. #}
{% macro raw_source(source_name, table_name) %}
    {% set found = graph.sources.values() | selectattr("source_name", "equalto", source_name)
        | selectattr("name", "equalto", table_name) | list %}
    {% if not found %}
        {% do exceptions.raise_compiler_error("no source " ~ source_name ~ "." ~ table_name ~ " is declared") %}
    {% endif %}
    {% do return(found[0]) %}
{% endmacro %}

{% macro quote_literal(text) %}{% do return("'" ~ (text | replace("'", "''")) ~ "'") %}{% endmacro %}

{# Paths of the files that hold a source, in alphabetical order; empty where there is none. #}
{% macro raw_files(source_node) %}
    {% set paths = [] %}
    {% for pattern in source_node.meta.file_patterns %}
        {% set found = run_query("select file from glob(" ~ quote_literal(var("source_dir") ~ "/" ~ pattern) ~ ") order by file") %}
        {% do paths.extend(found.columns[0].values()) %}
    {% endfor %}
    {% do return(paths | unique | sort) %}
{% endmacro %}

{# How DuckDB is told of a text file that is not UTF-8. #}
{% macro raw_encoding(source_node) -%}
{{ ", encoding = " ~ quote_literal(source_node.meta.encoding) if source_node.meta.encoding is defined }}
{%- endmacro %}

{# The names in a file's header, in the file's own order. #}
{% macro raw_header(path, source_node) %}
    {% if path.endswith(".parquet") %}
        {% do return(run_query("select name from parquet_schema(" ~ quote_literal(path) ~ ") where num_children is null").columns[0].values() | list) %}
    {% endif %}
    {#- the first line and nothing else: DuckDB's own look at the file guesses names from the lines below -#}
    {% set line = run_query("select line from read_csv(" ~ quote_literal(path) ~ ", auto_detect = false, header = false, delim = '\x01',"
        ~ " quote = '', escape = '', columns = {'line': 'varchar'}, strict_mode = false" ~ raw_encoding(source_node) ~ ") limit 1").columns[0].values()[0] %}
    {% set names = [] %}
    {% set mark = "\\" ~ source_node.meta.get("delimiter", ",") %}
    {% for quoted, plain in modules.re.findall('(?:^|' ~ mark ~ ')(?:"((?:[^"]|"")*)"|([^' ~ mark ~ ']*))', line) %}
        {% do names.append(quoted | replace('""', '"') or plain or "_unnamed_" ~ loop.index) %}
    {% endfor %}
    {% do return(names) %}
{% endmacro %}

{#
  One file as text columns. Records carry no number: row_number() would read the file with one thread (and keep the others
  waiting busily). DuckDB keeps the order of the file instead, so that a record's place in the table is its place in the file.
#}
{% macro raw_reader(path, source_node) %}
    {% set size = run_query("select size from read_blob(" ~ quote_literal(path) ~ ")").columns[0].values()[0] %}
    {% set may_break_lines = size < 64 * 1024 * 1024 or source_node.meta.get("has_line_breaks", false) %}
    {% if path.endswith(".parquet") %}
        {% set columns = [] %}
        {% for name in raw_header(path, source_node) %}{% do columns.append('cast("' ~ name ~ '" as varchar) as "' ~ name ~ '"') %}{% endfor %}
select {{ columns | join(", ") }}, cast(null as varchar) as _overflow from read_parquet({{ quote_literal(path) }})
    {% else %}
        {#- a record with more values than the header shows in _overflow, one with fewer in nulls: neither is lost;
            with such padding DuckDB reads line breaks inside quotes only in one thread, which large files are spared -#}
        {% set columns = {} %}
        {% for name in raw_header(path, source_node) %}{% do columns.update({name: "varchar"}) %}{% endfor %}
        {% do columns.update({"_overflow": "varchar"}) %}
select * from read_csv(
    {{ quote_literal(path) }}, header = true, auto_detect = false, delim = {{ quote_literal(source_node.meta.get("delimiter", ",")) }}, quote = '"', escape = '"',
    null_padding = true, strict_mode = false, parallel = {{ not may_break_lines }}, columns = {{ columns }}{{ raw_encoding(source_node) }}
)
    {% endif %}
{% endmacro %}

{# SQL that reads text `value` as the declared type; null where it cannot be read. #}
{% macro parse_raw(value, meta, date_formats, decimal_comma=false) %}
    {% if decimal_comma and meta.type not in ("text", "date", "boolean") %}
        {% set value = "replace(replace(" ~ value ~ ", '.', ''), ',', '.')" %}
    {% endif %}
    {% if meta.type == "integer" -%}
        {#- a cast alone would round 2.5 to 3 without a word -#}
        case when not contains({{ value }}, '.') then try_cast({{ value }} as integer)
            when try_cast({{ value }} as double) = floor(try_cast({{ value }} as double)) then try_cast(try_cast({{ value }} as double) as integer)
        end
    {%- elif meta.type == "date" -%}
        {{ parse_raw_date("split_part(replace(" ~ value ~ ", 'T', ' '), ' ', 1)" if meta.get("has_time") else value, date_formats) }}
    {%- elif meta.type == "text" -%}
        nullif(trim({{ value }}), '')
    {%- else -%}
        try_cast({{ value }} as {{ meta.type }})
    {%- endif %}
{% endmacro %}

{#
  Dates. A file declares at most one format per separator, so that no value is ever read in two ways; year-first dates
  cannot be misread and are always accepted. One CASE per separator is 3 times faster than a list of formats. A separator
  other than '-' decides at once, so it is looked for first.
#}
{% macro parse_raw_date(value, date_formats) %}
    {%- set separators = date_formats | map(attribute=2) | list -%}
    {%- if separators | unique | list | length < separators | length -%}
        {% do exceptions.raise_compiler_error("two date formats with one separator, " ~ date_formats ~ ": a value could be read in two ways") %}
    {%- endif -%}
    case
    {%- for format in date_formats if format[2] != "-" %}
        when {{ value }}[-5] = '{{ format[2] }}' then cast(try_strptime({{ value }}, '{{ format }}') as date)
    {%- endfor %}
        when {{ value }}[5] = '-' then try_cast({{ value }} as date)
    {%- for format in date_formats if format[2] == "-" %}
        when {{ value }}[-5] = '-' then cast(try_strptime({{ value }}, '{{ format }}') as date)
    {%- endfor %}
    end
{% endmacro %}

{#
  A raw source, read once: its declared columns under their canonical names and types, and `reject`, which is null where
  the line is good, 'blank' where it holds nothing but separators, and otherwise says in JSON what is wrong: file, column,
  value and reason. Which line it is, its place in the table tells: `rejects` spells it out.
#}
{% macro stage_raw(source_name, table_name) %}
    {% if not execute %}{% do return("select 1 -- " ~ source(source_name, table_name)) %}{% endif %}
    {% set node = raw_source(source_name, table_name) %}
    {% set columns = node.columns.values() | list %}
    {% set date_formats = node.meta.get("date_formats", []) %}
    {% set paths = raw_files(node) %}
-- raw source: {{ source(source_name, table_name) }}
with raw as (
    {%- for path in paths %}
    {%- set header = raw_header(path, node) | map("lower") | list %}
    select
        cast({{ loop.index }} as utinyint) as file_number, {{ quote_literal(path.split("/")[-1]) }} as _source_file, _overflow
        {%- for column in columns %},
        {{ '"' ~ column.name ~ '"' if column.name | lower in header else "cast(null as varchar)" }} as "raw {{ column.name }}"
        {%- endfor %}
    from ({{ raw_reader(path, node) }})
    {{- "\n    union all" if not loop.last }}
    {%- else %}
    select cast(null as utinyint) as file_number, cast(null as varchar) as _source_file, cast(null as varchar) as _overflow
        {%- for column in columns %}, cast(null as varchar) as "raw {{ column.name }}"{% endfor %}
    where false
    {%- endfor %}
),

parsed as (
    select
        *
        {%- for column in columns if column.meta.canonical %},
        {{ parse_raw('"raw ' ~ column.name ~ '"', column.meta, date_formats, node.meta.get("decimal_comma", false)) }} as {{ column.meta.canonical }}
        {%- endfor %}
    from raw
),

{% set rules = raw_rules(columns, date_formats) %}
-- the number of the rule a line breaks; the many good lines are let through by the first test, and a blank one never is
judged as (
    select
        *,
        case
            when _overflow is null
                {%- for column in columns if column.meta.canonical %}{{ raw_is_good(column) }}{% endfor %} then null
            when coalesce({% for column in columns %}"raw {{ column.name }}", {% endfor %}_overflow) is null then 0
            {%- for rule in rules %}
            when {{ rule.condition }} then {{ loop.index }}
            {%- endfor %}
        end as broken_rule
    from parsed
)

select
    file_number,
    {% for column in columns if column.meta.canonical -%}
    {{ column.meta.canonical }},
    {% endfor -%}
    case
        when broken_rule is null then null
        when broken_rule = 0 then 'blank'
        else cast(to_json(struct_pack(
            source_file := _source_file,
            column_name := case broken_rule
                {%- for rule in rules %} when {{ loop.index }} then {{ rule.column_name }}{% endfor %} end,
            raw_value := case broken_rule
                {%- for rule in rules %} when {{ loop.index }} then {{ rule.raw_value }}{% endfor %} end,
            reason := case broken_rule
                {%- for rule in rules %} when {{ loop.index }} then {{ rule.reason }}{% endfor %} end
        )) as varchar)
    end as reject
from judged
{% endmacro %}

{# One column's share of the test that a good line passes: the opposite of all its rules below. #}
{% macro raw_is_good(column) -%}
    {%- set meta, raw_value = column.meta, '"raw ' ~ column.name ~ '"' -%}
    {%- set tests = [] -%}
    {%- if meta.minimum is defined -%}{%- do tests.append(meta.canonical ~ " >= " ~ meta.minimum) -%}{%- endif -%}
    {%- if meta.get("is_past") -%}{%- do tests.append(meta.canonical ~ " <= current_date") -%}{%- endif -%}
    {%- if not tests -%}{%- do tests.append((raw_value if meta.type == "text" else meta.canonical) ~ " is not null") -%}{%- endif -%}
    {%- if not meta.get("is_nullable") %} and {{ tests | join(" and ") }}
    {%- elif meta.type != "text" %} and ({{ raw_value }} is null or {{ tests | join(" and ") }})
    {%- endif -%}
{%- endmacro %}

{# What a line may not do, in the order it is looked for: condition, column, value and reason as SQL. #}
{% macro raw_rules(columns, date_formats) %}
    {% set rules = [{
        "condition": "_overflow is not null", "column_name": "'(end of line)'", "raw_value": "_overflow",
        "reason": "'more values than the header has columns'",
    }] %}
    {% for column in columns if column.meta.canonical %}
        {% set raw_value = '"raw ' ~ column.name ~ '"' %}
        {% set rule = {"column_name": quote_literal(column.name), "raw_value": raw_value} %}
        {% if not column.meta.get("is_nullable") %}
            {% do rules.append(dict(rule, condition=raw_value ~ " is null", reason="'is missing'")) %}
        {% endif %}
        {% if column.meta.type != "text" %}
            {% do rules.append(dict(
                rule, condition=column.meta.canonical ~ " is null and " ~ raw_value ~ " is not null",
                reason=quote_literal("is not " ~ raw_type_in_words(column.meta, date_formats)),
            )) %}
        {% endif %}
        {% if column.meta.minimum is defined %}
            {% do rules.append(dict(
                rule, condition=column.meta.canonical ~ " < " ~ column.meta.minimum,
                reason=quote_literal("is below " ~ column.meta.minimum),
            )) %}
        {% endif %}
        {% if column.meta.get("is_past") %}
            {% do rules.append(dict(rule, condition=column.meta.canonical ~ " > current_date", reason="'lies in the future'")) %}
        {% endif %}
    {% endfor %}
    {% do return(rules) %}
{% endmacro %}

{% macro raw_type_in_words(meta, date_formats) %}
    {% if meta.type == "integer" %}{% do return("a whole number") %}{% endif %}
    {% if meta.type == "date" %}
        {% do return("a date written as " ~ (date_formats + ["%Y-%m-%d"]) | join(" or ") | replace("%m", "MM") | replace("%d", "DD") | replace("%Y", "YYYY")) %}
    {% endif %}
    {% do return("true or false" if meta.type == "boolean" else "a number") %}
{% endmacro %}

{#
  From the number of a record to the number of the line it starts on, for one CSV file: they differ after an empty line or
  a line break inside quotes. Worth a second look at the file only where lines were refused.
#}
{% macro raw_record_lines(path, source_node) %}
select record_number, line_number, count(*) over () as record_count
from (
    select line_number, row_number() over () as record_number
    from (
        select line_number, has_text, sum(quotes) over (rows between unbounded preceding and current row) - quotes as quotes_before
        from (
            select
                row_number() over () as line_number, coalesce(line, '') <> '' as has_text,
                length(coalesce(line, '')) - length(replace(coalesce(line, ''), '"', '')) as quotes
            from read_csv(
                {{ quote_literal(path) }}, auto_detect = false, header = false, delim = {{ "'\x01'" }}, quote = '', escape = '',
                strict_mode = false, columns = {'line': 'varchar'}{{ raw_encoding(source_node) }}
            )
        )
    )
    where has_text and quotes_before % 2 = 0
)
{% endmacro %}

{# CSV files of one kind in which lines were refused, each with its number; none before the staging table is built. #}
{% macro raw_files_with_rejects(source_name, table_name, relation) %}
    {% if not execute or load_relation(relation) is none %}{% do return([]) %}{% endif %}
    {% set numbers = run_query("select distinct file_number from " ~ relation ~ " where reject <> 'blank'").columns[0].values() | list %}
    {% set files = [] %}
    {% set source_node = raw_source(source_name, table_name) %}
    {% for path in raw_files(source_node) %}
        {% if loop.index in numbers and path.endswith(".csv") %}
            {% do files.append({"number": loop.index, "path": path, "source_node": source_node}) %}
        {% endif %}
    {% endfor %}
    {% do return(files) %}
{% endmacro %}
