select policy_key as abc_class, arg_max(policy_value, valid_from) as cycle_service_level
from {{ as_known(ref("snap_policy")) }}
where policy_table = 'service_levels' and {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
group by policy_key
