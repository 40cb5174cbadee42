{{ canonical("vendor_terms") }}
