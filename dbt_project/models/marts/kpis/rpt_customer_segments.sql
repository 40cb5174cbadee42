with scored as (
    select
        *,
        cast({{ as_of() }} - last_order_date as integer) as recency_days,
        -- by rank, so that equal customers get equal scores: 1 for the lowest fifth, 5 for the highest
        cast(least(floor(5 * percent_rank() over (order by last_order_date)) + 1, 5) as integer) as recency_score,
        cast(least(floor(5 * percent_rank() over (order by order_count)) + 1, 5) as integer) as frequency_score,
        cast(least(floor(5 * percent_rank() over (order by revenue_usd)) + 1, 5) as integer) as value_score
    from {{ ref("int_customer_activity") }}
    where last_order_date is not null
)

select
    customer_id, customer_name, country, first_order_date, last_order_date, recency_days, order_count, item_count, ordered_units,
    revenue_usd,
    cast(revenue_usd / order_count as decimal(18, 2)) as revenue_per_order_usd,
    returned_units / nullif(ordered_units, 0) as return_rate,
    recency_score, frequency_score, value_score,
    case
        when recency_score >= 4 and frequency_score >= 4 and value_score >= 4 then 'champion'
        when recency_score >= 4 and order_count = 1 then 'new'
        when recency_score >= 3 and frequency_score >= 4 then 'loyal'
        when recency_score >= 3 and value_score >= 4 then 'big spender'
        when recency_score >= 3 then 'promising'
        when frequency_score >= 4 or value_score >= 4 then 'at risk'
        when recency_score = 2 then 'slipping away'
        else 'lost'
    end as segment
from scored
