with errors as (
    select item_id, location_id, {{ forecast_error_cv() }} as forecast_error_cv from {{ ref("rec_champion") }}
),

items as (
    select
        terms.item_id, terms.location_id, terms.abc_class, {{ xyz_class("errors.forecast_error_cv") }} as xyz_class
    from {{ ref("int_item_location_terms") }} as terms
    cross join {{ ref("int_policy") }}
    left join errors on terms.item_id = errors.item_id and terms.location_id = errors.location_id
),

-- the most particular line wins: item before location before ABC class before XYZ class
assigned as (
    select
        items.item_id, items.location_id,
        arg_min(lines.policy, (
            lines.item_id = 0, lines.location_id = 0, lines.abc_class = 'any', lines.xyz_class = 'any', lines.policy
        )) as policy
    from items
    inner join {{ ref("int_policy_assignments") }} as lines
        on (lines.item_id = 0 or lines.item_id = items.item_id)
        and (lines.location_id = 0 or lines.location_id = items.location_id)
        and (lines.abc_class = 'any' or lines.abc_class = items.abc_class)
        and (lines.xyz_class = 'any' or lines.xyz_class = items.xyz_class)
    group by items.item_id, items.location_id
),

-- the same for both kinds of service, each from the most particular line that states it
levels as (
    select
        items.item_id, items.location_id,
        {% for level in ["cycle_service_level", "fill_rate_level"] -%}
        arg_min(lines.{{ level }}, (lines.item_id = 0, lines.location_id = 0, lines.xyz_class = 'any'))
            filter (where lines.{{ level }} is not null) as {{ level }}{{ "," if not loop.last }}
        {% endfor %}
    from items
    inner join {{ ref("int_service_level_lines") }} as lines
        on (lines.item_id = 0 or lines.item_id = items.item_id)
        and (lines.location_id = 0 or lines.location_id = items.location_id)
        and (lines.abc_class = 'any' or lines.abc_class = items.abc_class)
        and (lines.xyz_class = 'any' or lines.xyz_class = items.xyz_class)
    group by items.item_id, items.location_id
)

select
    {{ as_of() }} as as_of_date, items.item_id, items.location_id, items.abc_class, items.xyz_class,
    coalesce(assigned.policy, 'quantile') as assigned_policy, levels.cycle_service_level, levels.fill_rate_level
from items
inner join levels on items.item_id = levels.item_id and items.location_id = levels.location_id
left join assigned on items.item_id = assigned.item_id and items.location_id = assigned.location_id
