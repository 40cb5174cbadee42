select * from {{ source("ml", "lead_time_demand") }}
where as_of_date < {{ as_of() }}
