{{ canonical("promotions") }}
