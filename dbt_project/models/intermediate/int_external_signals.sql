{{ config(materialized="view") }}

select signal_date, location_id, signal_name, signal_value
from {{ ref("stg_external_signals") }}
where signal_date <= {{ as_of() }}
