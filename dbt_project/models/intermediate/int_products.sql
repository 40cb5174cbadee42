with listed as (
    -- a price list may repeat an item: the line with the higher cost is the prudent one
    select *, row_number() over (partition by item_id order by purchase_price_usd desc, vendor_id) as line_rank
    from {{ ref("stg_products") }}
),

counted as (
    select item_id, max(item_name) as item_name, max(size) as size from {{ ref("stg_stock_counts") }} group by item_id
),

bought as (
    select
        item_id,
        arg_max(vendor_id, (order_date, purchase_order_id, vendor_id)) as vendor_id,
        sum(purchase_price_usd * ordered_units) / sum(ordered_units) as average_purchase_price_usd
    from {{ ref("stg_purchase_lines") }}
    where order_date <= {{ as_of() }}
    group by item_id
),

seen as (
    select item_id from listed
    union
    select item_id from counted
    union
    select item_id from bought
    union
    select item_id from {{ ref("stg_sales") }} where sale_date <= {{ as_of() }}
)

select
    seen.item_id,
    coalesce(listed.item_name, counted.item_name, 'Item ' || seen.item_id || ' (no description)') as item_name,
    coalesce(listed.size, counted.size, 'Unknown') as size,
    listed.volume_ml,
    listed.classification as classification,
    'Unknown' as category,
    'Unknown' as brand_name,
    coalesce(listed.vendor_id, bought.vendor_id) as vendor_id,
    nullif(listed.list_price_usd, 0) as list_price_usd,
    -- zero is how the price list writes "unknown"
    cast(coalesce(nullif(listed.purchase_price_usd, 0), nullif(bought.average_purchase_price_usd, 0)) as decimal(18, 4)) as unit_cost_usd,
    case
        when listed.purchase_price_usd > 0 then 'price list'
        when bought.average_purchase_price_usd > 0 then 'average of purchases'
        else 'unknown'
    end as unit_cost_source,
    listed.item_id is not null as is_listed
from seen
left join listed on seen.item_id = listed.item_id and listed.line_rank = 1
left join counted on seen.item_id = counted.item_id
left join bought on seen.item_id = bought.item_id
