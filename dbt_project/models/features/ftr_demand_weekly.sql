select
    cast(item_id as integer) as item_id, cast(location_id as integer) as location_id, week_start_date,
    cast(sold_units as double) as sold_units, stock_out_days,
    cast(sold_units as double) as demand_units, cast(sold_units as double) as demand_low_units, cast(sold_units as double) as demand_high_units,
    cast(null as double) as price_usd
from {{ ref("int_demand_weekly") }}
