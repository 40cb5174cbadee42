select * from {{ source("ml", "forecast_drift") }}
where as_of_date = {{ as_of() }}
