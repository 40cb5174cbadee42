{% snapshot snap_policy %}
{{ config(
    schema="history", strategy="check", unique_key=["source_key", "policy_table", "policy_key", "valid_from"],
    check_cols=["policy_value", "valid_to"], hard_deletes="invalidate"
) }}

{% set current_rows %}
select 'policy_parameters' as policy_table, parameter as policy_key, valid_from, value as policy_value, valid_to
from {{ ref("policy_parameters") }}
union all
select 'service_levels', abc_class || coalesce('/' || xyz_class, ''), valid_from, cycle_service_level, valid_to
from {{ ref("service_levels") }}
union all
select 'fill_rate_levels', abc_class || coalesce('/' || xyz_class, ''), valid_from, fill_rate_level, valid_to
from {{ ref("service_levels") }}
union all
select 'item_service_levels', concat_ws('/', item_id, location_id), valid_from, cycle_service_level, valid_to
from {{ ref("item_service_levels") }}
where cycle_service_level is not null
union all
select 'item_fill_rate_levels', concat_ws('/', item_id, location_id), valid_from, fill_rate_level, valid_to
from {{ ref("item_service_levels") }}
where fill_rate_level is not null
{%- endset %}

{{ with_history(["policy_table", "policy_key", "valid_from", "policy_value", "valid_to"], current_rows) }}
{% endsnapshot %}
