{# The day the run decides for, as a scalar: nothing later is known. #}
{% macro as_of() %}(select as_of_date from {{ ref("int_as_of") }}){% endmacro %}
