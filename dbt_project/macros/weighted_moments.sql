{# Mean and standard deviation of whole numbers with whole-number weights, from exact sums: the same digits in any order. #}
{% macro weighted_mean(value, weight) -%}
sum({{ weight }} * {{ value }}) / sum({{ weight }})
{%- endmacro %}

{% macro weighted_sd(value, weight) -%}
sqrt(
            sum({{ weight }}) * sum({{ weight }} * {{ value }} * {{ value }}) - power(sum({{ weight }} * {{ value }}), 2)
        ) / sum({{ weight }})
{%- endmacro %}
