{% snapshot snap_policy_assignments %}
{{ config(
    schema="history", strategy="check", unique_key=["source_key", "segment", "valid_from"],
    check_cols=["policy", "valid_to"], hard_deletes="invalidate"
) }}

{% set current_rows %}
select
    concat_ws(
        ' ', 'abc ' || abc_class, 'xyz ' || xyz_class, 'item ' || item_id, 'location ' || location_id, 'of all'
    ) as segment,
    abc_class, xyz_class, item_id, location_id, policy, valid_from, valid_to
from {{ ref("policy_assignments") }}
{%- endset %}

{{ with_history(
    ["segment", "abc_class", "xyz_class", "item_id", "location_id", "policy", "valid_from", "valid_to"], current_rows
) }}
{% endsnapshot %}
