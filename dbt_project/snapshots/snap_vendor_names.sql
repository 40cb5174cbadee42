{% snapshot snap_vendor_names %}
{{ config(
    schema="history", strategy="check", unique_key=["source_key", "vendor_id"],
    check_cols=["vendor_name", "has_several_names"], hard_deletes="invalidate"
) }}

{% set current_rows %}
select
    vendor_id, arg_max(vendor_name, (line_count, vendor_name)) as vendor_name, count(*) > 1 as has_several_names
from {{ ref("stg_vendor_names") }}
group by vendor_id
{%- endset %}

{{ with_history(["vendor_id", "vendor_name", "has_several_names"], current_rows) }}
{% endsnapshot %}
