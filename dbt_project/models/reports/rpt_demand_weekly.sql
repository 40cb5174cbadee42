{{ config(materialized="view") }}

with history as (
    select
        demand.item_id, demand.location_id, demand.week_start_date, demand.sold_units, demand.stock_out_days,
        demand.demand_units, demand.demand_low_units, demand.demand_high_units, stock.closing_units
    from {{ ref("ftr_demand_weekly") }} as demand
    left join {{ ref("ftr_stock_weekly") }} as stock
        on demand.item_id = stock.item_id and demand.location_id = stock.location_id and demand.week_start_date = stock.week_start_date
)

select
    item_id, location_id, week_start_date, false as is_forecast,
    sold_units, stock_out_days, demand_units, demand_low_units, demand_high_units, closing_units,
    cast(null as varchar) as model, cast(null as double) as mean_units, cast(null as double) as p10_units,
    cast(null as double) as p50_units, cast(null as double) as p90_units, cast(null as double) as planned_units
from history
union all
select
    item_id, location_id, week_start_date, true as is_forecast,
    cast(null as double) as sold_units, cast(null as integer) as stock_out_days, cast(null as double) as demand_units,
    cast(null as double) as demand_low_units, cast(null as double) as demand_high_units, cast(null as double) as closing_units,
    model, mean_units, p10_units, p50_units, p90_units, planned_units
from {{ ref("rec_demand_forecast") }}
