{{ config(materialized="table") }}

{{ stage_raw("optional", "stock_adjustments") }}
