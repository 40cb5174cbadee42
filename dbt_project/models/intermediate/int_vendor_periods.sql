with period as (
    select
        as_of.as_of_date, purchases.receipts_start_date,
        least(
            purchases.first_order_date, purchases.receipts_start_date, (select min(invoice_date) from {{ ref("int_invoices") }})
        ) as first_date
    from {{ ref("int_as_of") }} as as_of
    cross join {{ ref("int_purchase_period") }} as purchases
),

months as (
    select as_of_date, cast(unnest(generate_series(
        date_trunc('month', receipts_start_date), date_trunc('month', as_of_date), interval '1 month'
    )) as date) as month_start_date
    from period
)

select 'all' as period_type, first_date as period_start_date, as_of_date as period_end_date
from period
union all
select 'month', month_start_date, least(last_day(month_start_date), as_of_date)
from months
