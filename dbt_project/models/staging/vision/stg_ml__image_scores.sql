select * from {{ source("ml", "image_scores") }}
