{{ canonical("location_names") }}
