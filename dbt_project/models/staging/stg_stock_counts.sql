{{ canonical("stock_counts") }}
