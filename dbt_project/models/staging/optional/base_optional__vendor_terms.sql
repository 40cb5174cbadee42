{{ config(materialized="table") }}

{{ stage_raw("optional", "vendor_terms") }}
