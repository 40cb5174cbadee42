select
    coalesce(abc_class, 'any') as abc_class, coalesce(xyz_class, 'any') as xyz_class, coalesce(item_id, 0) as item_id,
    coalesce(location_id, 0) as location_id, arg_max(policy, valid_from) as policy
from {{ as_known(ref("snap_policy_assignments")) }}
where {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
group by all
