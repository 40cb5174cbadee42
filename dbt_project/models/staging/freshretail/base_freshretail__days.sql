{{ config(materialized="table") }}

{{ stage_raw("freshretail", "days") }}
