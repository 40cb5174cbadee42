{# Economic order quantity sqrt(2 K lambda / h), all on one time unit; 0 where a term is unknown: it then changes nothing. #}
{% macro economic_order_quantity(order_cost, demand_per_year, holding_cost_per_unit_year) -%}
coalesce(sqrt(2 * {{ order_cost }} * greatest({{ demand_per_year }}, 0) / nullif({{ holding_cost_per_unit_year }}, 0)), 0)
{%- endmacro %}
