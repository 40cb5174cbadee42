{{ canonical("products") }}
