{{ canonical("product_attributes") }}
