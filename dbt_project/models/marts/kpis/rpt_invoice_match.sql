with orders as (
    select
        purchase_order_id, vendor_id,
        min(order_date) as order_date,
        max(receipt_date) as last_receipt_date,
        cast(sum(ordered_units) as bigint) as ordered_units,
        cast(sum(received_units) as bigint) as received_units,
        cast(sum(purchase_usd) as decimal(18, 2)) as ordered_usd,
        cast(coalesce(sum(purchase_usd) filter (where receipt_date is not null), 0) as decimal(18, 2)) as received_usd
    from {{ ref("int_purchase_order_receipts") }}
    group by purchase_order_id, vendor_id
),

invoices as (
    select
        purchase_order_id, vendor_id,
        min(order_date) as order_date,
        cast(count(*) as integer) as invoice_count,
        count(distinct row(invoiced_units, invoiced_usd)) < count(*) as has_equal_invoices,
        min(invoice_date) as first_invoice_date,
        max(invoice_date) as last_invoice_date,
        cast(sum(invoiced_units) as bigint) as invoiced_units,
        cast(sum(invoiced_usd) as decimal(18, 2)) as invoiced_usd
    from {{ ref("int_invoices") }}
    group by purchase_order_id, vendor_id
),

compared as (
    select
        coalesce(orders.purchase_order_id, invoices.purchase_order_id) as purchase_order_id,
        coalesce(orders.vendor_id, invoices.vendor_id) as vendor_id,
        orders.purchase_order_id is not null as is_ordered,
        coalesce(orders.order_date, invoices.order_date) as order_date,
        orders.last_receipt_date, invoices.first_invoice_date, invoices.last_invoice_date,
        coalesce(invoices.invoice_count, 0) as invoice_count,
        coalesce(invoices.has_equal_invoices, false) as has_equal_invoices,
        coalesce(orders.ordered_units, 0) as ordered_units,
        coalesce(orders.received_units, 0) as received_units,
        coalesce(invoices.invoiced_units, 0) as invoiced_units,
        coalesce(orders.ordered_usd, 0) as ordered_usd,
        coalesce(orders.received_usd, 0) as received_usd,
        coalesce(invoices.invoiced_usd, 0) as invoiced_usd
    from orders
    full join invoices on orders.purchase_order_id = invoices.purchase_order_id and orders.vendor_id = invoices.vendor_id
),

judged as (
    select
        compared.*,
        {{ as_of() }} as as_of_date,
        cast(policy.open_order_max_age_days as integer) as open_order_max_age_days,
        case
            when not compared.is_ordered then 'invoice without order'
            when compared.invoice_count = 0 and compared.received_units = 0 then 'open'
            when compared.invoice_count = 0 then 'received not invoiced'
            when compared.received_units = 0 then 'invoiced not received'
            when
                abs(compared.invoiced_units - compared.received_units)
                > compared.received_units * policy.invoice_quantity_tolerance_share + 1e-9
                then 'quantity differs'
            when
                abs(compared.invoiced_usd - compared.received_usd)
                > compared.received_usd * policy.invoice_amount_tolerance_share + 1e-9
                then 'price differs'
            else 'matched'
        end as match_status
    from compared
    cross join {{ ref("int_policy") }} as policy
)

select
    purchase_order_id, vendor_id, order_date, last_receipt_date, first_invoice_date, last_invoice_date, invoice_count,
    ordered_units, received_units, invoiced_units, ordered_usd, received_usd, invoiced_usd,
    invoiced_units - received_units as quantity_variance_units,
    cast(invoiced_usd - received_usd as decimal(18, 2)) as amount_variance_usd,
    match_status,
    case
        when match_status = 'invoice without order' then 'the vendor has no order with this number in the purchases'
        when match_status = 'open' and order_date < as_of_date - open_order_max_age_days
            then 'nothing came and nothing was invoiced, and the order is too old to be believed in'
        when match_status = 'open' then 'nothing has come and nothing was invoiced yet'
        when match_status = 'received not invoiced' and received_units < ordered_units
            then 'part of the order came, no invoice yet'
        when match_status = 'received not invoiced' then 'all of the order came, no invoice yet'
        when has_equal_invoices and match_status in ('quantity differs', 'invoiced not received')
            then 'equal invoices for one order: invoiced twice?'
        when match_status = 'invoiced not received' then 'invoiced, and nothing has come'
        when match_status = 'quantity differs' and invoiced_units > ordered_units then 'more units invoiced than ordered'
        when match_status = 'quantity differs' and invoiced_units > received_units
            then 'more units invoiced than have come; the rest is open'
        when match_status = 'quantity differs' then 'fewer units invoiced than came'
        when match_status = 'price differs' and invoiced_usd > received_usd then 'the units agree, the invoice is dearer than the order'
        when match_status = 'price differs' then 'the units agree, the invoice is cheaper than the order'
        when received_units < ordered_units then 'order, receipt and invoice agree on what came; the rest is open'
        else 'order, receipt and invoice agree'
    end as match_reason,
    cast(last_receipt_date - order_date as integer) as order_to_receipt_days,
    cast(first_invoice_date - order_date as integer) as order_to_invoice_days,
    cast(first_invoice_date - last_receipt_date as integer) as receipt_to_invoice_days,
    case when match_status = 'received not invoiced' then cast(as_of_date - last_receipt_date as integer) end as uninvoiced_days
from judged
