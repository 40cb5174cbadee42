select * from {{ source("ml", "demand_components") }}
where as_of_date = {{ as_of() }}
