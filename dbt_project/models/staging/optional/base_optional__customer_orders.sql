{{ config(materialized="table") }}

{{ stage_raw("optional", "customer_orders") }}
