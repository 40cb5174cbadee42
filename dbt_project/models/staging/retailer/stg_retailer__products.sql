select
    item_id, cast(item_id as varchar) as item_code, item_name, size, try_cast(volume_text as decimal(18, 1)) as volume_ml,
    classification, list_price_usd, purchase_price_usd, vendor_id
from {{ ref("base_retailer__purchase_prices") }}
where reject is null
