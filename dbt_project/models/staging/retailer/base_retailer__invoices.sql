{{ config(materialized="table") }}

{{ stage_raw("retailer", "invoices") }}
