{{ inventory_kpis_by("location_id") }}
