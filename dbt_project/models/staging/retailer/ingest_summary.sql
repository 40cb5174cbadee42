{{ config(materialized="table") }}

{% set files = ["sales", "purchases", "invoices", "purchase_prices", "opening_inventory", "closing_inventory"] %}

{% for file in files %}
select
    '{{ file }}' as file_kind,
    count(*) as lines_read,
    count(*) filter (where reject = 'blank') as lines_blank,
    count(*) filter (where reject <> 'blank') as lines_rejected,
    count(*) filter (where reject is null) as lines_staged
from {{ ref("base_retailer__" ~ file) }}
{{ "union all" if not loop.last }}
{% endfor %}
order by file_kind
