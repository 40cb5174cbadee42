{{ config(materialized="table") }}

{{ stage_raw("optional", "calendar") }}
