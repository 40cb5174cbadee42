-- few rows: a spell below zero is cut at the ends of the months it reaches into
with spells as (
    select
        item_id, location_id, -closing_units as negative_units, inventory_date as first_date,
        inventory_date + valid_days - 1 as last_date
    from {{ ref("int_stock_ledger") }}
    where closing_units < 0
),

months as (
    select
        *, cast(unnest(generate_series(date_trunc('month', first_date), last_date, interval '1 month')) as date) as month_start_date
    from spells
)

select
    item_id, location_id, month_start_date,
    cast(sum(
        cast(negative_units as bigint) * (least(last_date, last_day(month_start_date)) - greatest(first_date, month_start_date) + 1)
    ) as bigint) as negative_unit_days
from months
group by item_id, location_id, month_start_date
