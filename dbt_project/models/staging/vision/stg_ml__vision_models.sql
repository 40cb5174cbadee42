select * from {{ source("ml", "vision_models") }}
