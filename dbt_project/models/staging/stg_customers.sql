{{ canonical("customers") }}
