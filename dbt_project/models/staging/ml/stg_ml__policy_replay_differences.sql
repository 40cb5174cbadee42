select * from {{ source("ml", "policy_replay_differences") }}
where as_of_date = {{ as_of() }}
