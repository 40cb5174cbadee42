select * from {{ source("ml", "policy_replay") }}
where as_of_date = {{ as_of() }}
