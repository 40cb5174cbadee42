select item_id, location_id, inventory_turnover, days_inventory_outstanding
from {{ ref("rpt_inventory_item_location") }}
where abs(inventory_turnover * days_inventory_outstanding - 365) > 1e-6
