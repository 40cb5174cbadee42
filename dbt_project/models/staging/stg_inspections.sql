{{ canonical("inspections") }}
