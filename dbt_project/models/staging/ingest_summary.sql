{{ config(materialized="table") }}

{% for kind in raw_kinds() %}
{%- set declared = raw_source(kind.adapter, kind.table_name) if execute %}
select
    '{{ kind.adapter }}' as adapter,
    '{{ kind.table_name }}' as file_kind,
    {{ raw_files(declared) | length if execute else 0 }} as file_count,
    count(*) as lines_read,
    count(*) filter (where reject = 'blank') as lines_blank,
    count(*) filter (where reject <> 'blank') as lines_rejected,
    count(*) filter (where reject is null) as lines_staged,
    {{ quote_literal(declared.meta.get("absence", "")) if execute else "''" }} as absence
from {{ kind.relation }}
{{ "union all" if not loop.last }}
{% endfor %}
order by adapter, file_kind
