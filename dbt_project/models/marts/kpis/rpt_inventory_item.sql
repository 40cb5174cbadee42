{{ inventory_kpis_by("item_id") }}
