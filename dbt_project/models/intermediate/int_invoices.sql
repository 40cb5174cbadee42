-- what was known of every invoice on the as-of day
select
    vendor_id, purchase_order_id, order_date, invoice_date,
    case when payment_date <= {{ as_of() }} then payment_date end as payment_date,
    invoiced_units, invoiced_usd, freight_usd
from {{ ref("stg_invoices") }}
where invoice_date <= {{ as_of() }}
