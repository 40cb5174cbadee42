-- the lines of classes and of single items, one value a row in the history, brought back to one row per line
with valid as (
    select
        policy_table, policy_key, policy_table in ('item_service_levels', 'item_fill_rate_levels') as is_for_item,
        arg_max(policy_value, valid_from) as policy_value
    from {{ as_known(ref("snap_policy")) }}
    where
        policy_table in ('service_levels', 'fill_rate_levels', 'item_service_levels', 'item_fill_rate_levels')
        and {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
    group by policy_table, policy_key
),

lines as (
    select
        is_for_item, policy_key,
        max(policy_value) filter (where policy_table in ('service_levels', 'item_service_levels')) as cycle_service_level,
        max(policy_value) filter (where policy_table in ('fill_rate_levels', 'item_fill_rate_levels')) as fill_rate_level
    from valid
    group by is_for_item, policy_key
)

select
    case when is_for_item then 'any' else split_part(policy_key, '/', 1) end as abc_class,
    case when is_for_item then 'any' else coalesce(nullif(split_part(policy_key, '/', 2), ''), 'any') end as xyz_class,
    case when is_for_item then cast(split_part(policy_key, '/', 1) as integer) else 0 end as item_id,
    case when is_for_item then coalesce(cast(nullif(split_part(policy_key, '/', 2), '') as integer), 0) else 0 end as location_id,
    cycle_service_level, fill_rate_level
from lines
