{{ config(materialized="table") }}

{{ stage_raw("retailer", "closing_inventory") }}
