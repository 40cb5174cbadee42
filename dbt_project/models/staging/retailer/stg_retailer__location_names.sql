with unioned as (
    select location_id, city from {{ ref("base_retailer__opening_inventory") }} where reject is null
    union all
    select location_id, city from {{ ref("base_retailer__closing_inventory") }} where reject is null
)

select location_id, city, count(*) as line_count
from unioned
where city is not null
group by location_id, city
