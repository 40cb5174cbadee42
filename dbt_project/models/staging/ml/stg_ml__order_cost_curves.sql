select * from {{ source("ml", "order_cost_curves") }}
where as_of_date = {{ as_of() }}
