select * from {{ source("ml", "order_adjustments") }}
where as_of_date = {{ as_of() }}
