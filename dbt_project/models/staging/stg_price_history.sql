{{ canonical("price_history") }}
