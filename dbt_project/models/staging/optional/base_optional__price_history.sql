{{ config(materialized="table") }}

{{ stage_raw("optional", "price_history") }}
