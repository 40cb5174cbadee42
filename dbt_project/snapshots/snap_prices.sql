{% snapshot snap_prices %}
{{ config(
    schema="history", strategy="check", unique_key=["source_key", "item_id"],
    check_cols=["list_price_usd", "purchase_price_usd", "vendor_id"], hard_deletes="invalidate"
) }}

{% set current_rows %}
-- a price list may repeat an item: the line with the higher cost is the prudent one
select item_id, list_price_usd, purchase_price_usd, vendor_id
from {{ ref("stg_products") }}
qualify row_number() over (partition by item_id order by purchase_price_usd desc nulls last, vendor_id, list_price_usd) = 1
{%- endset %}

{{ with_history(["item_id", "list_price_usd", "purchase_price_usd", "vendor_id"], current_rows) }}
{% endsnapshot %}
