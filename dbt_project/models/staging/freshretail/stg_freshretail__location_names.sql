select location_id, 'City ' || city_id as city, count(*) as line_count
from {{ ref("base_freshretail__days") }}
where reject is null
group by location_id, city_id
