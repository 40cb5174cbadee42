select vendor_id, purchase_order_id, order_date, invoice_date, payment_date, invoiced_units, invoiced_usd, freight_usd, approved_by
from {{ ref("base_retailer__invoices") }}
where reject is null
