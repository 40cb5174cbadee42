{{ config(materialized="table") }}

{{ stage_raw("online_retail", "orders_2010_2011") }}
