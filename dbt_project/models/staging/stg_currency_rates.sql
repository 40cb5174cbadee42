{{ canonical("currency_rates") }}
