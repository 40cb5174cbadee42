{{ config(materialized="view") }}

with seen as (
    select *, lag(as_of_date) over (partition by alert_id order by as_of_date) as previous_date
    from {{ ref("alert_history") }}
    where source_key = {{ source_key() }} and as_of_date <= {{ as_of() }}
),

-- an alert that was away for longer begins anew
spells as (
    select
        seen.*,
        sum(case when seen.as_of_date - seen.previous_date <= policy.alert_memory_days then 0 else 1 end) over (
            partition by seen.alert_id order by seen.as_of_date
        ) as spell,
        policy.alert_shown_days
    from seen
    cross join {{ ref("int_policy") }} as policy
),

ranked as (
    select
        *, case severity when 'high' then 3 when 'medium' then 2 else 1 end as severity_rank,
        min(as_of_date) over (partition by alert_id, spell) as first_seen_date,
        row_number() over (partition by alert_id order by as_of_date desc) = 1 as is_last
    from spells
),

alerts as (
    select *, as_of_date = {{ as_of() }} as is_open
    from ranked
    where is_last and as_of_date >= {{ as_of() }} - cast(alert_shown_days as integer)
),

-- a person's word is of the alert as it was then: it ends when the alert has become more severe
acknowledgements as (
    select
        alerts.alert_id, max(said.entered_at) as acknowledged_at,
        arg_max(said.entered_by, (said.entered_at, said.entry_id)) as acknowledged_by,
        -- arg_max passes over nulls: the note is that of the last word, also where it is none
        arg_max(coalesce(said.note, ''), (said.entered_at, said.entry_id)) as acknowledgement_note
    from {{ ref("stg_input__alert_acknowledgements") }} as said
    inner join alerts on said.alert_id = alerts.alert_id
    where
        said.as_of_date between alerts.first_seen_date and {{ as_of() }}
        and alerts.severity_rank <= (
            select arg_max(ranked.severity_rank, ranked.as_of_date) from ranked
            where ranked.alert_id = said.alert_id and ranked.as_of_date <= said.as_of_date
        )
    group by alerts.alert_id
)

select
    alerts.alert_id, {{ source_key() }} as source_key, {{ as_of() }} as as_of_date,
    cast(row_number() over (
        order by alerts.is_open desc, acknowledgements.alert_id is not null, alerts.severity_rank desc, alerts.finding_count > 1,
        alerts.at_risk_usd desc nulls last, alerts.kind, alerts.alert_id
    ) as integer) as alert_rank,
    alerts.kind, alerts.severity, alerts.at_risk_usd, alerts.item_id, alerts.location_id, alerts.vendor_id, alerts.finding_count,
    alerts.message, alerts.next_step, alerts.first_seen_date, alerts.as_of_date as last_seen_date, alerts.is_open,
    acknowledgements.acknowledged_at, acknowledgements.acknowledged_by,
    nullif(acknowledgements.acknowledgement_note, '') as acknowledgement_note
from alerts
left join acknowledgements on alerts.alert_id = acknowledgements.alert_id
