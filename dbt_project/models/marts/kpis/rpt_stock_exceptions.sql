with known as (
    select unsold.*, policy.phantom_stock_probability, products.unit_cost_usd
    from {{ ref("int_unsold_days") }} as unsold
    inner join {{ ref("int_products") }} as products on unsold.item_id = products.item_id
    cross join {{ ref("int_policy") }} as policy
),

exceptions as (
    select
        *, 'negative book stock' as exception, -closing_units as exception_units, negative_stock_days as exception_days,
        'count it; then find the receipt that was not booked, or the sale booked on the wrong item' as what_to_do
    from known
    where closing_units < 0
    union all
    select
        *, 'phantom stock', closing_units, unproven_days,
        'look on the shelf and in the back: where it is not, correct the books, or nobody will order it; where it is, put it out'
    from known
    where closing_units > 0 and no_sale_probability < phantom_stock_probability
)

select
    {{ as_of() }} as as_of_date, item_id, location_id, exception, closing_units as on_hand_units, exception_units,
    cast(exception_units * unit_cost_usd as decimal(18, 2)) as exception_usd,
    exception_days, last_sold_date, last_found_date, selling_days, in_stock_days,
    case when exception = 'phantom stock' then no_sale_probability end as no_sale_probability,
    what_to_do
from exceptions
