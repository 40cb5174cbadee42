{{ config(materialized="table") }}

{{ stage_raw("retailer", "purchases") }}
