select order_id, customer_id, order_date, 1 as location_id, item_id, ordered_units, revenue_usd
from {{ ref("stg_online_retail__lines") }}
where line_kind in ('sale', 'return') and customer_id is not null
