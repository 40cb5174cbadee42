select
    cast(demand.item_id as integer) as item_id, cast(demand.location_id as integer) as location_id, demand.week_start_date,
    cast(demand.sold_units as double) as sold_units, demand.stock_out_days,
    demand.sold_units + coalesce(lost.lost_units, 0) as demand_units,
    demand.sold_units + coalesce(lost.lost_units_low, 0) as demand_low_units,
    demand.sold_units + coalesce(lost.lost_units_high, 0) as demand_high_units,
    demand.price_usd, demand.is_carried
from {{ ref("int_demand_weekly") }} as demand
left join {{ ref("int_lost_sales_weekly") }} as lost
    on demand.item_id = lost.item_id and demand.location_id = lost.location_id and demand.week_start_date = lost.week_start_date
