{{ config(materialized="table") }}

{{ stage_raw("raw", "purchases") }}
