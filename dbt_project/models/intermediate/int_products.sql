with listed as (
    -- a price list may repeat an item: one line describes it
    select *, row_number() over (partition by item_id order by purchase_price_usd desc nulls last, vendor_id) as line_rank
    from {{ ref("stg_products") }}
),

priced as (
    select item_id, list_price_usd, purchase_price_usd, vendor_id from {{ as_known(ref("snap_prices")) }}
),

-- the newest dated price, where the source keeps them
dated as (
    select
        item_id,
        arg_max(list_price_usd, (valid_from, list_price_usd)) filter (where list_price_usd > 0) as list_price_usd,
        arg_max(purchase_price_usd, (valid_from, purchase_price_usd)) filter (where purchase_price_usd > 0) as purchase_price_usd
    from {{ ref("stg_price_history") }}
    where valid_from <= {{ as_of() }}
    group by item_id
),

counted as (
    select item_id, max(item_name) as item_name, max(size) as size from {{ ref("stg_stock_counts") }} group by item_id
),

described as (
    select
        item_id, max(category) as category, max(subcategory) as subcategory, max(brand_name) as brand_name,
        min(shelf_life_days) as shelf_life_days
    from {{ ref("stg_product_attributes") }}
    group by item_id
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
    -- whatever moved, from a table a fifth as long as the sales
    select item_id from {{ ref("int_inventory_item_location_month") }}
    union
    select item_id from {{ ref("stg_stock_out_hours") }} where stock_out_date <= {{ as_of() }}
)

select
    seen.item_id,
    coalesce(listed.item_code, cast(seen.item_id as varchar)) as item_code,
    coalesce(listed.item_name, counted.item_name, 'Item ' || seen.item_id || ' (no description)') as item_name,
    coalesce(described.category, 'Unknown') as category,
    coalesce(described.subcategory, 'Unknown') as subcategory,
    coalesce(described.brand_name, 'Unknown') as brand_name,
    coalesce(listed.size, counted.size, 'Unknown') as size,
    listed.volume_ml,
    listed.classification as classification,
    described.shelf_life_days,
    coalesce(priced.vendor_id, bought.vendor_id) as vendor_id,
    coalesce(dated.list_price_usd, nullif(priced.list_price_usd, 0)) as list_price_usd,
    -- zero is how the price list writes "unknown"
    cast(
        coalesce(dated.purchase_price_usd, nullif(priced.purchase_price_usd, 0), nullif(bought.average_purchase_price_usd, 0))
        as decimal(18, 4)
    ) as unit_cost_usd,
    case
        when dated.purchase_price_usd > 0 then 'price history'
        when priced.purchase_price_usd > 0 then 'price list'
        when bought.average_purchase_price_usd > 0 then 'average of purchases'
        else 'unknown'
    end as unit_cost_source,
    listed.item_id is not null as is_listed
from seen
left join listed on seen.item_id = listed.item_id and listed.line_rank = 1
left join priced on seen.item_id = priced.item_id
left join dated on seen.item_id = dated.item_id
left join counted on seen.item_id = counted.item_id
left join described on seen.item_id = described.item_id
left join bought on seen.item_id = bought.item_id
