with countries as (
    select customer_id, country, count(*) as line_count
    from {{ ref("stg_online_retail__lines") }}
    where customer_id is not null and line_kind <> 'in the later file'
    group by customer_id, country
)

select customer_id, cast(null as varchar) as customer_name, arg_max(country, (line_count, country)) as country
from countries
group by customer_id
