select * from {{ source("ml", "series_metrics") }}
where as_of_date = {{ as_of() }}
