{{ canonical("purchase_lines") }}
