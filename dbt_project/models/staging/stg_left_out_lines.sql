{{ canonical("left_out_lines") }}
