select * from {{ source("ml", "order_transfers") }}
where as_of_date = {{ as_of() }}
