{{ config(materialized="view") }}

select signal_date, location_id, signal_name, signal_value
from {{ ref("int_external_signals") }}
