{# To the periods a day belongs to: the whole one, and its month. #}
{% macro in_vendor_period(day) -%}
inner join {{ ref("int_vendor_periods") }} as periods
    on periods.period_type = 'all' or {{ day }} between periods.period_start_date and periods.period_end_date
{%- endmacro %}

{#
  Wilson's score interval of a share: within 0 and 1, of some width where the share is 0, null where nothing was looked at.
  Sign -1 is its lower end.
#}
{% macro wilson_bound(part, whole, z_factor, sign) -%}
case when {{ whole }} > 0 then least(greatest((
    {{ part }} / {{ whole }} + {{ z_factor }} * {{ z_factor }} / (2 * {{ whole }})
    + ({{ sign }}) * {{ z_factor }} * sqrt(
        {{ part }} * ({{ whole }} - {{ part }}) / power({{ whole }}, 3) + power({{ z_factor }} / (2 * {{ whole }}), 2)
    )
) / (1 + {{ z_factor }} * {{ z_factor }} / {{ whole }}), 0), 1) end
{%- endmacro %}
