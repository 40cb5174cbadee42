with named as (
    select vendor_id, vendor_name, has_several_names from {{ as_known(ref("snap_vendor_names")) }}
),

seen as (
    select vendor_id from named
    union
    select vendor_id from {{ ref("int_products") }} where vendor_id is not null
    union
    select vendor_id from {{ ref("int_purchase_lines") }}
)

select
    seen.vendor_id,
    coalesce(named.vendor_name, 'Vendor ' || seen.vendor_id) as vendor_name,
    coalesce(named.has_several_names, false) as has_several_names
from seen
left join named on seen.vendor_id = named.vendor_id
