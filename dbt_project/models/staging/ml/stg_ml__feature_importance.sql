select * from {{ source("ml", "feature_importance") }}
where as_of_date = {{ as_of() }}
