{{ config(materialized="table") }}

{{ stage_raw("raw", "opening_inventory") }}
