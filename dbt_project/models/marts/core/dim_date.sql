select
    cast(calendar_date as date) as calendar_date,
    cast(date_part('year', calendar_date) as integer) as year_number,
    cast(date_part('quarter', calendar_date) as integer) as quarter_number,
    cast(date_part('month', calendar_date) as integer) as month_number,
    cast(date_trunc('month', calendar_date) as date) as month_start_date,
    cast(date_part('isodow', calendar_date) as integer) as iso_weekday,
    cast(date_trunc('week', calendar_date) as date) as iso_week_start_date
from (
    select unnest(generate_series(
        date_trunc('year', least(first_sale_date, stock_start_date)), date_trunc('year', as_of_date) + interval '2 years' - interval '1 day',
        interval '1 day'
    )) as calendar_date
    from {{ ref("int_as_of") }}
)
