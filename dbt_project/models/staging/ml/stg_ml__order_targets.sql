select * from {{ source("ml", "order_targets") }}
where as_of_date = {{ as_of() }}
