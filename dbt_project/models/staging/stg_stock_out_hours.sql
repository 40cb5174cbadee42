{{ canonical("stock_out_hours") }}
