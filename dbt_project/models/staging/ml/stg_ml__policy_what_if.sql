select * from {{ source("ml", "policy_what_if") }}
where as_of_date = {{ as_of() }}
