-- the model with the smallest squared error of demand summed over the protection interval, series by series
with ranked as (
    select
        *,
        row_number() over (partition by item_id, location_id order by rmse_units nulls last, model) as rmse_rank,
        min(rmse_units) filter (where model = 'seasonal_naive') over (partition by item_id, location_id) as seasonal_naive_rmse_units
    from {{ ref("stg_ml__series_metrics") }}
)

select
    as_of_date, item_id, location_id,
    -- where nothing could be scored, the plain average is the one to trust
    case when rmse_units is null then 'moving_average' else model end as champion_model,
    horizon_weeks, origins, rmse_units, seasonal_naive_rmse_units, mae_units, bias_units, wape, reason, run_id
from ranked
where rmse_rank = 1
