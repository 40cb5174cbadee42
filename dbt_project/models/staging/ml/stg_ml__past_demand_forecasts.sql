select * from {{ source("ml", "demand_forecasts") }}
where as_of_date < {{ as_of() }}
