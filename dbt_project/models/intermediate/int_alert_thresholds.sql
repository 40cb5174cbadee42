select
    thresholds.kind, thresholds.limit_value, thresholds.high_limit_value,
    coalesce(thresholds.minimum_usd, 0) as minimum_usd,
    coalesce(thresholds.medium_usd, policy.exception_medium_usd) as medium_usd,
    coalesce(thresholds.high_usd, policy.exception_high_usd) as high_usd
from {{ ref("alert_thresholds") }} as thresholds
cross join {{ ref("int_policy") }} as policy
where {{ as_of() }} between thresholds.valid_from and coalesce(thresholds.valid_to, date '9999-12-31')
