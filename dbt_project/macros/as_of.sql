{# The day the run decides for, as a scalar: nothing later is known. #}
{% macro as_of() %}(select as_of_date from {{ ref("int_as_of") }}){% endmacro %}

{# The first day whose stock is known, as a scalar: compared with it, a column is filtered while it is read. #}
{% macro stock_start() %}(select stock_start_date from {{ ref("int_as_of") }}){% endmacro %}
