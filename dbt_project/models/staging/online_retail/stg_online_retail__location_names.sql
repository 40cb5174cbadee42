select 1 as location_id, 'United Kingdom, the one warehouse' as city, count(*) as line_count
from {{ ref("stg_online_retail__lines") }}
having count(*) > 0
