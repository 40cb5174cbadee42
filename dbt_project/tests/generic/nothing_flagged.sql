{# No row of the newest run is flagged in this column; a test that warns and stops nothing. #}
{% test nothing_flagged(model, column_name) %}
{{ config(severity="warn") }}
select * from {{ model }} where is_latest and {{ column_name }}
{% endtest %}
