select * from {{ source("ml", "ensemble_weights") }}
where as_of_date = {{ as_of() }}
