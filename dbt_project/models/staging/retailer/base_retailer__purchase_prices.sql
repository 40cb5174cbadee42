{{ config(materialized="table") }}

{{ stage_raw("raw", "purchase_prices") }}
