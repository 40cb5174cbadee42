{#
  Days that a stretch of the ledger shares with a window. A day that ran out counts as in stock, since something could be bought,
  the days after it as out of stock; where no stock is known, every day counts as in stock.
#}
{% macro shared_days(first_date, last_date, window_first, window_last) -%}
greatest(least({{ last_date }}, {{ window_last }}) - greatest({{ first_date }}, {{ window_first }}) + 1, 0)
{%- endmacro %}
