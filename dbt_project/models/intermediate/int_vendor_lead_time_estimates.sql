with steps as (
    select
        *,
        lag(open_share, 1, 1) over waiting as open_share_before,
        max(lead_time_days) filter (where received_units > 0) over (
            partition by vendor_id, period_type, period_start_date
        ) as horizon_days
    from {{ ref("int_lead_time_survival") }}
    window waiting as (partition by vendor_id, period_type, period_start_date order by lead_time_days)
),

-- in the order of the days, so that the digits do not depend on the threads
moments as (
    select
        vendor_id, period_type, period_start_date, horizon_days,
        min(open_share) as open_share,
        sum(lead_time_days * (open_share_before - open_share) order by lead_time_days) as received_mean_days,
        sum(lead_time_days * lead_time_days * (open_share_before - open_share) order by lead_time_days) as received_square_days,
        -- a share that should be 0.1 may come out as 0.1000000000000001
        min(lead_time_days) filter (where open_share <= 0.5 + 1e-9) as km_p50_lead_time_days,
        min(lead_time_days) filter (where open_share <= 0.1 + 1e-9) as km_p90_lead_time_days
    from steps
    where lead_time_days <= horizon_days
    group by vendor_id, period_type, period_start_date, horizon_days
),

restricted as (
    select
        *,
        received_mean_days + horizon_days * open_share as km_mean_lead_time_days,
        received_square_days + horizon_days * horizon_days * open_share as square_days
    from moments
)

select
    vendor_id, period_type, period_start_date,
    horizon_days as km_horizon_days,
    -- what is left of 1 after it has come in full is rounding
    case when open_share < 1e-9 then 0 else open_share end as km_open_share,
    km_mean_lead_time_days,
    sqrt(greatest(square_days - km_mean_lead_time_days * km_mean_lead_time_days, 0)) as km_sd_lead_time_days,
    km_p50_lead_time_days, km_p90_lead_time_days
from restricted
