{{ config(materialized="table") }}

{{ stage_raw("optional", "competitor_prices") }}
