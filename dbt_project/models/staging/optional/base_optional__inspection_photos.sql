{{ config(materialized="table") }}

{{ stage_raw("optional", "inspection_photos") }}
