select location_id, item_id, sale_date, sold_units, revenue_usd
from {{ ref("base_retailer__sales") }}
where reject is null
