{{ config(materialized="table") }}

{% set files = ["sales", "purchases", "invoices", "purchase_prices", "opening_inventory", "closing_inventory"] %}

{% for file in files %}
select
    '{{ file }}' as file_kind, reject.source_file as source_file, reject.line_number as line_number,
    reject.column_name as column_name, left(reject.raw_value, 200) as raw_value,
    -- a quote that is opened and not closed swallows the lines that follow: say how many
    reject.reason || case
        when contains(reject.raw_value, chr(10))
            then '; a quote that is never closed runs over the next '
                || (length(reject.raw_value) - length(replace(reject.raw_value, chr(10), ''))) || ' lines'
        else ''
    end as reason
from {{ ref("base_retailer__" ~ file) }}
where reject is not null
{{ "union all" if not loop.last }}
{% endfor %}
order by all
