with days as (
    select cast(calendar_date as date) as calendar_date
    from (
        select unnest(generate_series(
            date_trunc('year', least(first_sale_date, stock_start_date)),
            date_trunc('year', as_of_date) + interval '2 years' - interval '1 day', interval '1 day'
        )) as calendar_date
        from {{ ref("int_as_of") }}
    )
),

events as (
    select
        calendar_date, bool_or(is_holiday) as is_holiday, bool_or(is_closed) as is_closed,
        string_agg(event_name, ', ' order by event_name) as event_names
    from {{ ref("int_calendar_events") }}
    where location_id is null
    group by calendar_date
)

select
    days.calendar_date,
    cast(date_part('year', days.calendar_date) as integer) as year_number,
    cast(date_part('quarter', days.calendar_date) as integer) as quarter_number,
    cast(date_part('month', days.calendar_date) as integer) as month_number,
    cast(date_trunc('month', days.calendar_date) as date) as month_start_date,
    cast(date_part('isodow', days.calendar_date) as integer) as iso_weekday,
    cast(date_trunc('week', days.calendar_date) as date) as iso_week_start_date,
    coalesce(events.is_holiday, false) as is_holiday,
    coalesce(events.is_closed, false) as is_closed,
    events.event_names
from days
left join events on days.calendar_date = events.calendar_date
