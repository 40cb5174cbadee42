{{ config(materialized="table") }}

{{ stage_raw("optional", "products") }}
