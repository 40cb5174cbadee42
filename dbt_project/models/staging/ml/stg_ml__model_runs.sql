select * from {{ source("ml", "model_runs") }}
where as_of_date = {{ as_of() }}
