-- a promotion is a plan: its days are known before they happen. Weeks are counted back from the as-of day, and on from it.
with promotions as (
    select
        promotions.item_id, promotions.location_id, as_of.as_of_date,
        greatest(promotions.first_date, as_of.as_of_date - cast(7 * policy.demand_history_weeks - 1 as integer)) as first_date,
        least(promotions.last_date, as_of.as_of_date + 182) as last_date,
        -- the share the source says, else what its price takes off today's list price
        greatest(least(coalesce(
            promotions.discount_share,
            1 - cast(promotions.promotion_price_usd as double) / nullif(cast(products.list_price_usd as double), 0),
            0
        ), 1), 0) as discount
    from {{ ref("stg_promotions") }} as promotions
    cross join {{ ref("int_as_of") }} as as_of
    cross join {{ ref("int_policy") }} as policy
    left join {{ ref("int_products") }} as products on promotions.item_id = products.item_id
    where promotions.last_date >= promotions.first_date
),

weeks as (
    select *, as_of_date + 1 + cast(7 * unnest(range(
        cast(floor((first_date - as_of_date - 1) / 7) as bigint), cast(floor((last_date - as_of_date - 1) / 7) as bigint) + 1
    )) as integer) as week_start_date
    from promotions
    where first_date <= last_date
),

pieces as (
    select
        item_id, location_id, week_start_date, discount,
        greatest(first_date - week_start_date, 0) as first_day, least(last_date - week_start_date, 6) as last_day
    from weeks
)

-- what holds everywhere holds in every store that has the item
select
    pieces.item_id, terms.location_id, pieces.week_start_date,
    -- one bit per day: a day of two promotions is one promoted day
    cast(bit_or((1 << cast(pieces.last_day + 1 as integer)) - (1 << cast(pieces.first_day as integer))) as integer) as promoted_day_bits,
    round(
        {{ exact_sum("pieces.discount * (pieces.last_day - pieces.first_day + 1)") }} / sum(pieces.last_day - pieces.first_day + 1), 6
    ) as discount
from pieces
inner join {{ ref("int_item_location_terms") }} as terms
    on pieces.item_id = terms.item_id and coalesce(pieces.location_id, terms.location_id) = terms.location_id
group by pieces.item_id, terms.location_id, pieces.week_start_date
