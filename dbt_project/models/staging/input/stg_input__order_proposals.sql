select
    proposal_id, as_of_date, vendor_id, expected_receipt_date, freight_share, minimum_order_usd, approved_at, exported_at, exported_to
from {{ source("input", "order_proposals") }}
where source_key = {{ source_key() }}
