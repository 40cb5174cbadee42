{{ canonical("stock_adjustments") }}
