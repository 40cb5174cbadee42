select
    purchase_order_id, location_id, item_id, vendor_id, order_date, receipt_date, ordered_units, purchase_price_usd, purchase_usd
from {{ ref("base_retailer__purchases") }}
where reject is null
