{# Items of about the same pace, in steps of doubling: the scatter of demand is estimated over all of a step. #}
{% macro pace_class(units_per_day) -%}
least(greatest(floor(log2(greatest({{ units_per_day }}, 1e-9))), -6), 8)
{%- endmacro %}

{#
  What a day lost whose shelf was empty for some of its hours. The pace of a day scatters around its mean m as a gamma
  distribution of shape k = 1 / inverse_size; s units in the share a of the day move it to m (k + s) / (k + m a): a day that sold
  much in few hours was a strong day, and loses more. Customers are taken to come evenly over the open hours. `days` has sold_units, available_share and demand_index, `rates` has
  units_per_day and inverse_size per item and store.
#}
{% macro stock_out_hours_demand(days, rates) -%}
select
    * exclude (mean_units, shape, day_pace),
    (1 - available_share) * day_pace as lost_units,
    (1 - available_share) * day_pace + power((1 - available_share) * day_pace, 2) / (shape + sold_units) as lost_variance,
    -- how far the lost units follow the rate, for the error of the rate
    (1 - available_share) * demand_index * day_pace / mean_units * shape / (shape + mean_units * available_share) as lost_index
from (
    -- what was sold although the shelf was empty all day tells of hours that are wrong, not of a strong day
    select
        *,
        mean_units * (shape + case when available_share > 0 then sold_units else 0 end) / (shape + mean_units * available_share) as day_pace
    from (
        select
            days.item_id, days.location_id, days.calendar_date, days.sold_units, days.available_share, days.demand_index,
            greatest(rates.units_per_day * days.demand_index, 1e-6) as mean_units, 1 / rates.inverse_size as shape
        from {{ days }} as days
        inner join {{ rates }} as rates on days.item_id = rates.item_id and days.location_id = rates.location_id
    )
)
{%- endmacro %}
{#
  A day that ran out sold what was there; it wanted at least as much. How much more is to be expected, where demand is negative
  binomial with mean m and variance m + m * m * i: E[D - s | D >= s]. The chance of one unit more, given j, is the one of j
  times (j + 1/i) / (j + 1) * m / (m + 1/i); eight such steps, counted back from a geometric tail, hold nearly all of it. Where
  demand is large a step is a lump of several units. `relation` has mean_units, inverse_size and sold_units; excess_units is added.
#}
{% macro run_out_excess(relation) -%}
{#- one query within the other: columns that use each other in one select are written out in full, three times per step -#}
{%- set steps = range(7, -1, -1) -%}
select
    * exclude (m, lump, size, ratio, weight, mean_steps), lump * mean_steps + (lump - 1) / 2 as excess_units
from (
    {%- for step in steps | reverse %}
    select
        * replace (
            1 + (sold_units / lump + {{ step }} + size) / (sold_units / lump + {{ step + 1 }}) * ratio * weight as weight,
            (1 - 1 / (1 + (sold_units / lump + {{ step }} + size) / (sold_units / lump + {{ step + 1 }}) * ratio * weight))
            * (1 + mean_steps) as mean_steps
        )
    from (
    {%- endfor %}
        select *, 1 / (1 - ratio) as weight, ratio / (1 - ratio) as mean_steps
        from (
            select *, m / lump / (m / lump + size) as ratio
            from (
                select *, 1 / greatest(inverse_size + (1 - lump) / m, 0.02) as size
                from (
                    select *, greatest((greatest(m - sold_units, 0) + 2 * sqrt(m + m * m * inverse_size)) / 8, 1) as lump
                    from (select *, greatest(mean_units, 1e-6) as m from {{ relation }})
                )
            )
        )
    {{- ")" * 8 }}
)
{%- endmacro %}

{#
  The low or high end of a sum that is not negative, from its mean and variance: the quantile of the gamma distribution that has
  them, by Wilson and Hilferty. Close to the normal one where the mean is large. The low end is never below zero; the high end is
  never below the mean, where the formula would put it once the deviation is about five times the mean.
#}
{% macro gamma_bound(mean, variance, z_factor, side) -%}
coalesce(
            {{ mean }} * power(greatest(
                1 - ({{ variance }}) / (9 * nullif({{ mean }} * {{ mean }}, 0))
                {{ "-" if side == "low" else "+" }} {{ z_factor }} * sqrt({{ variance }}) / (3 * nullif(abs({{ mean }}), 0)), {{ 0 if side == "low" else 1 }}
            ), 3), {{ mean }}
        )
{%- endmacro %}
