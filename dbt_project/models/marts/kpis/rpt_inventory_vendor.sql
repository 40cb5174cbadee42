{{ inventory_kpis_by("vendor_id") }}
