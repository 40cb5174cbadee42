with seen as (
    select distinct location_id from {{ ref("int_stock_ledger") }}
    union
    select distinct location_id from {{ ref("int_purchase_lines") }}
)

select
    seen.location_id,
    coalesce(arg_max(named.city, (named.line_count, named.city)), 'Unknown') as city
from seen
left join {{ ref("stg_location_names") }} as named on seen.location_id = named.location_id
group by seen.location_id
