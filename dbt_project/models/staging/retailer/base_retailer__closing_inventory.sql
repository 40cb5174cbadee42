{{ config(materialized="table") }}

{{ stage_raw("raw", "closing_inventory") }}
