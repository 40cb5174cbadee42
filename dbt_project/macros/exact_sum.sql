{#
  Sum of fractions that has the same digits in any order of rows: of whole millionths (or other parts of ten), which add up
  exactly as double up to 9e15 of them, at a third of the cost of 128-bit decimals and without their overflow.
#}
{% macro exact_sum(value, digits=6) -%}
sum(round(({{ value }}) * 1e{{ digits }})) / 1e{{ digits }}
{%- endmacro %}
