{{ config(materialized="table") }}

{{ stage_raw("online_retail", "orders_2009_2010") }}
