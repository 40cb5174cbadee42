{{ canonical("customer_orders") }}
