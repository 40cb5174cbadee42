{# No column of any row is null: one test instead of one per column, for tables where every value must be known. #}
{% test no_nulls(model) %}
select *
from {{ model }}
where false {% for column in adapter.get_columns_in_relation(model) if execute %}or {{ column.name }} is null {% endfor %}
{% endtest %}
