{{ canonical("sales") }}
