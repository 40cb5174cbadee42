select location_id, city from {{ ref("int_locations") }}
