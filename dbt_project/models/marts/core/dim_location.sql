with named as (
    select location_id, city, count(*) as line_count
    from {{ ref("stg_stock_counts") }}
    where city is not null
    group by location_id, city
),

seen as (
    select distinct location_id from {{ ref("int_stock_ledger") }}
    union
    select distinct location_id from {{ ref("int_purchase_lines") }}
)

select
    seen.location_id,
    coalesce(arg_max(named.city, (named.line_count, named.city)), 'Unknown') as city
from seen
left join named on seen.location_id = named.location_id
group by seen.location_id
