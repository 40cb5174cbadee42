{{ config(materialized="table") }}

{{ stage_raw("optional", "currency_rates") }}
