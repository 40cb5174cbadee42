{{ config(materialized="table") }}

{% for kind in raw_kinds() %}
select
    '{{ kind.adapter }}' as adapter,
    '{{ kind.table_name }}' as file_kind,
    {{ kind.file_count }} as file_count,
    count(*) as lines_read,
    count(*) filter (where reject = 'blank') as lines_blank,
    count(*) filter (where reject <> 'blank') as lines_rejected,
    count(*) filter (where reject is null) as lines_staged,
    {{ quote_literal(kind.absence) }} as absence
from {{ kind.relation }}
{{ "union all" if not loop.last }}
{% endfor %}
order by adapter, file_kind
