select
    location_id, item_id, calendar_date as stock_out_date, stock_out_hours,
    -- from 6 to 22 o'clock
    cast(16 as double) as open_hours
from {{ ref("base_freshretail__days") }}
where reject is null
