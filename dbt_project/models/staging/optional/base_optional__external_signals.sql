{{ config(materialized="table") }}

{{ stage_raw("optional", "external_signals") }}
