{# Coefficient of variation of a champion's error: the mean demand of the very windows it was measured in is mae / wape. #}
{% macro forecast_error_cv() -%}
case when wape is not null then coalesce(rmse_units * wape / nullif(mae_units, 0), 0) end
{%- endmacro %}

{# XYZ by the error of the forecast, not by demand: a season makes demand vary, and can be foreseen. #}
{% macro xyz_class(error_cv) -%}
case
        when {{ error_cv }} < xyz_x_cv then 'X'
        when {{ error_cv }} < xyz_y_cv then 'Y'
        when {{ error_cv }} is not null then 'Z'
    end
{%- endmacro %}
