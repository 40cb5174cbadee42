select * from {{ source("ml", "demand_outliers") }}
where as_of_date = {{ as_of() }}
