select
    products.item_id, products.item_code, products.item_name, products.category, products.subcategory, products.brand_name,
    products.size, products.volume_ml, products.classification, products.shelf_life_days, products.vendor_id,
    products.list_price_usd, products.unit_cost_usd, products.unit_cost_source, products.is_listed,
    classes.abc_class, cast(classes.annual_usage_usd as decimal(18, 2)) as annual_usage_usd
from {{ ref("int_products") }} as products
inner join {{ ref("int_item_class") }} as classes on products.item_id = classes.item_id
