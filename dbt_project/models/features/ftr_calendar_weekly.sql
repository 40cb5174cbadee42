-- all weeks of history and 26 weeks ahead, counted back from the as-of day and on from it
with weeks as (
    select {{ as_of() }} + 1 + cast(7 * unnest(range(-cast(max(weeks) as bigint), 26)) as integer) as week_start_date
    from {{ ref("int_demand_profile") }}
),

holidays as (
    select
        locations.location_id, {{ as_of() }} + 1 + cast(7 * floor((events.calendar_date - {{ as_of() }} - 1) / 7) as integer) as week_start_date,
        count(distinct events.calendar_date) as holiday_days
    from {{ ref("int_calendar_events") }} as events
    inner join {{ ref("int_locations") }} as locations
        on coalesce(events.location_id, locations.location_id) = locations.location_id
    where events.is_holiday
    group by 1, 2
),

-- how far special days lie from those of the same name a year before: 364 days where they keep their weekday, 365 or 366 where their date
moves as (
    select this.calendar_date, max(cast(this.calendar_date - before.calendar_date as integer)) as days
    from {{ ref("int_calendar_events") }} as this
    inner join {{ ref("int_calendar_events") }} as before
        on this.event_name = before.event_name and this.calendar_date - before.calendar_date between 350 and 380
    where this.location_id is null and before.location_id is null
    group by this.calendar_date
),

-- of weeks around a special day, the nearest one says which days of the year before they correspond to
moved as (
    select
        weeks.week_start_date,
        arg_min(moves.days, (abs(weeks.week_start_date + 3 - moves.calendar_date), moves.calendar_date)) as days
    from weeks
    inner join moves on abs(weeks.week_start_date + 3 - moves.calendar_date) <= 10
    group by weeks.week_start_date
),

daily as (
    select inventory_date as sale_date, sum(sold_units) as sold_units
    from {{ ref("int_stock_ledger") }}
    where inventory_date <= {{ as_of() }}
    group by inventory_date
),

weekdays as (
    select dayofweek(sale_date) as weekday, median(sold_units) as usual_units from daily group by 1
),

-- a feast on a Sunday is not the same feast on a Friday: what was unusual a year before is carried to this year's weekday
aligned as (
    select
        moved.week_start_date,
        {{ exact_sum("coalesce(corresponding.sold_units * now.usual_units / nullif(past.usual_units, 0), 0)") }} as corresponding_units,
        -- a week 365.25 days before is 23 parts of 28 of the one 52 weeks before, the rest of the one before that
        {{ exact_sum("(23 * coalesce(year_ago.sold_units, 0) + 5 * coalesce(week_before.sold_units, 0)) / 28") }} as same_week_units
    from moved
    cross join (select unnest(range(7)) as day_number) as days
    left join daily as corresponding on moved.week_start_date + cast(day_number - moved.days as integer) = corresponding.sale_date
    left join daily as year_ago on moved.week_start_date + cast(day_number - 364 as integer) = year_ago.sale_date
    left join daily as week_before on moved.week_start_date + cast(day_number - 371 as integer) = week_before.sale_date
    left join weekdays as now on dayofweek(moved.week_start_date + cast(day_number as integer)) = now.weekday
    left join weekdays as past on dayofweek(corresponding.sale_date) = past.weekday
    where moved.week_start_date - 380 >= (select min(sale_date) from daily)
    group by moved.week_start_date
)

select
    locations.location_id, weeks.week_start_date,
    cast(coalesce(holidays.holiday_days, 0) as integer) as holiday_days,
    -- of the middle day, in whose month and year most days of the week lie
    cast(month(weeks.week_start_date + 3) as integer) as month,
    cast(quarter(weeks.week_start_date + 3) as integer) as quarter,
    cast(week(weeks.week_start_date + 3) as integer) as week_of_year,
    cast(
        case
            when aligned.same_week_units > 0 and aligned.corresponding_units > 0
                then least(greatest(aligned.corresponding_units / aligned.same_week_units, 1 / 3), 3)
            else 1
        end as double
    ) as year_ago_alignment_ratio
from weeks
cross join {{ ref("int_locations") }} as locations
left join holidays on locations.location_id = holidays.location_id and weeks.week_start_date = holidays.week_start_date
left join aligned on weeks.week_start_date = aligned.week_start_date
