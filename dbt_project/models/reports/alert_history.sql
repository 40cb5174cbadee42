{{
    config(
        materialized="incremental", incremental_strategy="append", full_refresh=false, on_schema_change="append_new_columns",
        pre_hook="{% if is_incremental() %}delete from {{ this }} where source_key = {{ source_key() }} and as_of_date = {{ as_of() }}{% endif %}",
        post_hook="""
            delete from {{ this }} where source_key = {{ source_key() }} and alert_id in (
                select alert_id from {{ this }} where source_key = {{ source_key() }} group by alert_id
                having max(as_of_date) < {{ as_of() }} - (select cast(alert_kept_days as integer) from {{ ref('int_policy') }})
            )
        """,
    )
}}

select {{ source_key() }} as source_key, {{ as_of() }} as as_of_date, findings.*
from {{ ref("alert_findings") }} as findings
