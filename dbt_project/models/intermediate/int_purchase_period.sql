with purchases as (
    select
        min(order_date) as first_order_date, min(receipt_date) as first_receipt_date
    from {{ ref("int_purchase_lines") }}
),

undelivered as (
    select count(*) > 0 as shows_undelivered_units
    from {{ ref("stg_purchase_lines") }}
    where receipt_date is null and order_date <= {{ as_of() }}
)

select
    purchases.first_order_date,
    -- the books begin here: an older order is in the files only if goods came after this day, that is, if it took long
    least(period.stock_start_date, purchases.first_receipt_date) as receipts_start_date,
    undelivered.shows_undelivered_units
from purchases
cross join undelivered
cross join {{ ref("int_as_of") }} as period
