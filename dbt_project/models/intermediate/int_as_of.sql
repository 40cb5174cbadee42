{% set as_of_date = "try_cast(nullif('" ~ var("as_of_date") ~ "', '') as date)" %}

with sales as (
    select min(sale_date) as first_sale_date, max(sale_date) as last_sale_date from {{ ref("stg_sales") }}
),

-- the day most lines of the opening count carry: one mistyped line must not move the start of the books
opening_days as (
    select count_date, count(*) as line_count from {{ ref("stg_stock_counts") }} where count_kind = 'opening' group by count_date
),

opening as (
    select max_by(count_date, (line_count, -datediff('day', date '1900-01-01', count_date))) as opening_count_date from opening_days
),

decided as (
    select
        coalesce({{ as_of_date }}, sales.last_sale_date) as as_of_date,
        sales.first_sale_date,
        sales.last_sale_date,
        -- from this day on stock is known
        coalesce(opening.opening_count_date, sales.first_sale_date) as stock_start_date,
        opening.opening_count_date is null as is_opening_stand_in
    from sales cross join opening
)

-- a day without sales before it, or long after them, would read as "nobody buys anything": stop instead
select
    case
        when last_sale_date is null
            then error('No sale could be read: the sales files are empty, or all their lines stand in staging.rejects.')
        when as_of_date < first_sale_date
            then error(
                'The as-of day ' || as_of_date || ' lies before the first sale, ' || first_sale_date
                || '. Choose a later day, or add older sales files.'
            )
        when as_of_date < stock_start_date
            then error(
                'The as-of day ' || as_of_date || ' lies before the opening count of ' || stock_start_date
                || ': no stock is known on it. Choose a later day, or add an older count.'
            )
        when as_of_date > last_sale_date + 31
            then error(
                'The as-of day ' || as_of_date || ' lies more than 31 days after the last sale, ' || last_sale_date
                || '. Add the sales files since then, or choose an earlier day.'
            )
        else as_of_date
    end as as_of_date,
    first_sale_date, stock_start_date, is_opening_stand_in,
    -- a later count stands in for the opening stock, flagged, where there is no earlier one
    exists(select 1 from {{ ref("stg_stock_counts") }}) as is_stock_known
from decided
