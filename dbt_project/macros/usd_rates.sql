{#
  What one unit of a currency was worth in USD, with the days from which and before which it held: a table for adapters to
  join with. Before the first rate the first one holds.
#}
{% macro usd_rates(currency) -%}
select
        case when row_number() over (order by valid_from) = 1 then date '0001-01-01' else valid_from end as valid_from,
        lead(valid_from, 1, date '9999-12-31') over (order by valid_from) as valid_until,
        usd_per_unit
    from {{ ref("stg_currency_rates") }}
    where currency = '{{ currency }}'
{%- endmacro %}
