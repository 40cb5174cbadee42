with sales as (
    select min(sale_date) as first_sale_date, max(sale_date) as last_sale_date from {{ ref("stg_sales") }}
),

opening as (
    select min(count_date) as opening_count_date from {{ ref("stg_stock_counts") }} where count_kind = 'opening'
)

select
    coalesce(try_cast(nullif('{{ var("as_of_date") }}', '') as date), sales.last_sale_date) as as_of_date,
    sales.first_sale_date,
    -- from this day on stock is known
    coalesce(opening.opening_count_date, sales.first_sale_date) as stock_start_date,
    opening.opening_count_date is null as is_opening_stand_in
from sales cross join opening
