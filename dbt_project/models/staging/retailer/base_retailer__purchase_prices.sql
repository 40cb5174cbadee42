{{ config(materialized="table") }}

{{ stage_raw("retailer", "purchase_prices") }}
