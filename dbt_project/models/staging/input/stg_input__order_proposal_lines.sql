select proposal_id, item_id, location_id, order_units, unit_cost_usd, need_date, known_ordered_units
from {{ source("input", "order_proposal_lines") }}
