{{ config(materialized="table") }}

{% set files = ["sales", "purchases", "invoices", "purchase_prices", "opening_inventory", "closing_inventory"] %}

with unioned as (
    {%- for file in files %}
    select '{{ file }}' as file_kind, reject from {{ ref("base_retailer__" ~ file) }} where reject <> 'blank'
    {{- "\n    union all" if not loop.last }}
    {%- endfor %}
),

named as (
    select
        file_kind,
        reject ->> 'source_file' as source_file,
        cast(reject ->> 'line_number' as bigint) as line_number,
        reject ->> 'column_name' as column_name,
        reject ->> 'raw_value' as raw_value,
        reject ->> 'reason' as reason
    from unioned
)

select
    file_kind, source_file, line_number, column_name,
    left(raw_value, 200) as raw_value,
    -- a quote that is opened and not closed swallows the lines that follow: say how many
    reason || case
        when contains(raw_value, chr(10))
            then '; a quote that is never closed runs over the next '
                || (length(raw_value) - length(replace(raw_value, chr(10), ''))) || ' lines'
        else ''
    end as reason
from named
order by file_kind, source_file, line_number
