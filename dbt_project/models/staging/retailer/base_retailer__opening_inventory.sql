{{ config(materialized="table") }}

{{ stage_raw("retailer", "opening_inventory") }}
