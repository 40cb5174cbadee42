-- the champion of its segment forecasts a series; where no forecast of it was written, the incumbent stands in
with champions as (
    select
        series.item_id, series.location_id, segments.model as segment_champion_model, segments.incumbent_model
    from {{ ref("ftr_item_locations") }} as series
    inner join {{ ref("rec_champion_segments") }} as segments
        on series.abc_class = segments.abc_class and series.demand_pattern = segments.demand_pattern
    where segments.is_champion
),

-- every forecast has its median
forecast as (
    select item_id, location_id, model, as_of_date, run_id from {{ ref("stg_ml__lead_time_demand") }} where quantile = 0.5
),

chosen as (
    select
        forecast.item_id, forecast.location_id, max(forecast.as_of_date) as as_of_date, max(forecast.run_id) as run_id,
        champions.segment_champion_model,
        arg_min(forecast.model, (
            case forecast.model
                when champions.segment_champion_model then 1
                when champions.incumbent_model then 2
                when 'moving_average' then 3
                else 4
            end,
            forecast.model
        )) as champion_model
    from forecast
    left join champions on forecast.item_id = champions.item_id and forecast.location_id = champions.location_id
    group by forecast.item_id, forecast.location_id, champions.segment_champion_model
)

select
    chosen.as_of_date, chosen.item_id, chosen.location_id, chosen.champion_model, chosen.segment_champion_model,
    metrics.horizon_weeks, metrics.origins, metrics.rmse_units, seasonal_naive.rmse_units as seasonal_naive_rmse_units,
    metrics.mae_units, metrics.bias_units, metrics.wape, metrics.pinball_units, metrics.decision_cost_usd,
    coalesce(nullif(concat_ws(
        '; ',
        case
            when chosen.champion_model <> chosen.segment_champion_model
                then chosen.segment_champion_model || ', the champion of its segment, has no forecast written for it'
        end,
        case when metrics.rmse_units is null then 'not scored: as its segment' end,
        nullif(metrics.reason, 'ok')
    ), ''), 'ok') as reason,
    chosen.run_id
from chosen
left join {{ ref("stg_ml__series_metrics") }} as metrics
    on chosen.item_id = metrics.item_id and chosen.location_id = metrics.location_id and chosen.champion_model = metrics.model
left join {{ ref("stg_ml__series_metrics") }} as seasonal_naive
    on chosen.item_id = seasonal_naive.item_id and chosen.location_id = seasonal_naive.location_id
    and seasonal_naive.model = 'seasonal_naive'
