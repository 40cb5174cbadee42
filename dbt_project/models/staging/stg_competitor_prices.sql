{{ canonical("competitor_prices") }}
