select * from {{ source("ml", "model_metrics") }}
where as_of_date = {{ as_of() }}
