{{ config(materialized="table") }}

with unioned as (
    {%- for kind in raw_kinds() %}
    select
        '{{ kind.adapter }}' as adapter, '{{ kind.table_name }}' as file_kind, records.reject, records.reject ->> 'source_file' as source_file,
        -- records are stored in the order of their file, each file in one piece
        records.rowid - files.first_rowid as records_before
    from {{ kind.relation }} as records
    inner join (
        select file_number, min(rowid) as first_rowid from {{ kind.relation }} group by file_number
    ) as files on records.file_number = files.file_number
    where records.reject <> 'blank'
    {{- "\n    union all" if not loop.last }}
    {%- endfor %}
),

named as (
    select
        adapter, file_kind, source_file,
        -- the header is record 1 of a text file; Parquet has none
        records_before + case when ends_with(source_file, '.parquet') then 1 else 2 end as record_number,
        reject ->> 'column_name' as column_name,
        reject ->> 'raw_value' as raw_value,
        reject ->> 'reason' as reason
    from unioned
),

record_lines as (
    {%- for kind in raw_kinds() %}
    {%- for text_file in raw_files_with_rejects(kind.adapter, kind.table_name, kind.relation) %}
    select {{ quote_literal(text_file.path.split("/")[-1]) }} as source_file, record_number, line_number
    from ({{ raw_record_lines(text_file.path, text_file.source_node) }})
    -- a quote in the middle of a value would be counted wrongly: then the number of the record stands
    where record_count = 1 + (
        select count(*) from {{ kind.relation }} where file_number = {{ text_file.number }}
    )
    union all
    {%- endfor %}
    {%- endfor %}
    select cast(null as varchar) as source_file, cast(null as bigint) as record_number, cast(null as bigint) as line_number
    where false
)

select
    named.adapter, named.file_kind, named.source_file,
    coalesce(record_lines.line_number, named.record_number) as line_number,
    named.column_name,
    left(named.raw_value, 200) as raw_value,
    -- a quote that is opened and not closed swallows the lines that follow: say how many
    named.reason || case
        when contains(named.raw_value, chr(10))
            then '; a quote that is never closed runs over the next '
                || (length(named.raw_value) - length(replace(named.raw_value, chr(10), ''))) || ' lines'
        else ''
    end as reason
from named
left join record_lines on named.source_file = record_lines.source_file and named.record_number = record_lines.record_number
order by named.adapter, named.file_kind, named.source_file, line_number
