{#
  What was known when. Prices, vendor names and policy change; dbt's snapshots keep every version with the as-of day of the
  first run that saw it, so that a past day is rebuilt with what was valid then. The day of a version is a day of the business,
  not of the clock on the wall: running twice changes nothing.
#}
{% macro snapshot_get_time() -%}
(select cast(as_of_date as timestamp) from {{ ref("int_as_of") }})
{%- endmacro %}

{# Whose history it is: one warehouse file may be fed from several folders, one after the other. #}
{% macro source_key() %}{{ quote_literal(var("source_dir")) }}{% endmacro %}

{#
  The rows a snapshot compares with what it has: today's for this source, but what it has already for other sources, and for
  this one too where the run decides for a day before the newest version: a past day brings no news.
#}
{% macro with_history(columns, current_rows) %}
{%- set kept = load_relation(this) if execute %}
{%- set as_of_date = as_of() %}
with current_rows as (
    {{ current_rows }}
)

select {{ source_key() }} as source_key, {{ columns | join(", ") }}
from current_rows
{%- if kept %}
where {{ as_of_date }} >= coalesce(
    (select max(dbt_valid_from) from {{ this }} where source_key = {{ source_key() }}), timestamp '0001-01-01'
)
union all
select source_key, {{ columns | join(", ") }}
from {{ this }}
where
    dbt_valid_to is null
    and (
        source_key <> {{ source_key() }}
        or {{ as_of_date }} < (select max(dbt_valid_from) from {{ this }} where source_key = {{ source_key() }})
    )
{%- endif %}
{% endmacro %}

{# A snapshot's rows as of the as-of day; those of the first version where the day lies before it. #}
{% macro as_known(snapshot) %}
(
    select versions.*
    from {{ snapshot }} as versions
    inner join (
        select greatest({{ as_of() }}, cast(min(dbt_valid_from) as date)) as known_date
        from {{ snapshot }}
        where source_key = {{ source_key() }}
    ) as known
        on versions.dbt_valid_from <= known.known_date
        and (versions.dbt_valid_to is null or versions.dbt_valid_to > known.known_date)
    where versions.source_key = {{ source_key() }}
)
{% endmacro %}
