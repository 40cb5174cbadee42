{{ config(materialized="table") }}

{{ stage_raw("optional", "promotions") }}
