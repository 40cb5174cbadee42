{{ canonical("inspection_photos") }}
