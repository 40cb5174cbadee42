{{ canonical("vendor_names") }}
