{{ config(materialized="table") }}

{% set files = ["sales", "purchases", "invoices", "purchase_prices", "opening_inventory", "closing_inventory"] %}

with unioned as (
    {%- for file in files %}
    select
        '{{ file }}' as file_kind, lines.reject, lines.reject ->> 'source_file' as source_file,
        -- lines are stored in the order of their file, each file in one piece
        lines.rowid - files.first_rowid as lines_before
    from {{ ref("base_retailer__" ~ file) }} as lines
    inner join (
        select file_number, min(rowid) as first_rowid from {{ ref("base_retailer__" ~ file) }} group by file_number
    ) as files on lines.file_number = files.file_number
    where lines.reject <> 'blank'
    {{- "\n    union all" if not loop.last }}
    {%- endfor %}
),

named as (
    select
        file_kind, source_file,
        -- the header is line 1 of a text file; Parquet has none
        lines_before + case when ends_with(source_file, '.parquet') then 1 else 2 end as line_number,
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
