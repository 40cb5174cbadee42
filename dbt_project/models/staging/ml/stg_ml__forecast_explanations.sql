select * from {{ source("ml", "forecast_explanations") }}
where as_of_date = {{ as_of() }}
