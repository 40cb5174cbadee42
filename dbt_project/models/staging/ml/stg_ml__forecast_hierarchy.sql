select * from {{ source("ml", "forecast_hierarchy") }}
where as_of_date = {{ as_of() }}
