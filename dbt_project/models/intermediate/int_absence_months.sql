-- days and index of a stretch of days come from running totals: two look-ups, however long it is
with days as (
    select
        *,
        open_days_to_date - case when is_open then 1 else 0 end as open_days_before,
        index_to_date - demand_index as index_before,
        index_squared_to_date - demand_index * demand_index as index_squared_before
    from {{ ref("int_demand_days") }}
),

pieces as (
    select
        *,
        -- a day that ran out ended empty, and so counts; whoever dropped an item sold it to the last day
        greatest(case when absence_state = 'not carried' then first_absent_date else run_out_date end, month_start_date) as piece_start_date,
        least(last_absent_date, last_day(month_start_date)) as piece_end_date,
        first_absent_date > run_out_date and month_start_date = date_trunc('month', run_out_date) as is_run_out_month
    from (
        select
            absences.*, products.category,
            cast(unnest(generate_series(date_trunc('month', run_out_date), last_absent_date, interval '1 month')) as date) as month_start_date
        from {{ ref("int_absences") }} as absences
        inner join {{ ref("int_products") }} as products on absences.item_id = products.item_id
    )
)

select
    pieces.item_id, pieces.location_id, pieces.month_start_date, pieces.run_out_date, pieces.absence_state,
    pieces.absent_probability, pieces.carried_probability,
    cast(pieces.piece_end_date - pieces.piece_start_date + 1 as integer) as absent_days,
    coalesce(last_days.open_days_to_date - first_days.open_days_before, 0) as absent_open_days,
    case when first_absent_date <= piece_end_date then last_days.index_to_date - absent_from.index_before else 0 end as absent_index,
    case when first_absent_date <= piece_end_date then last_days.index_squared_to_date - absent_from.index_squared_before else 0 end
        as absent_index_squared,
    -- what was sold before the shelf was empty: once, in the month of that day
    case when is_run_out_month then pieces.sold_units end as run_out_sold_units,
    case when is_run_out_month then run_out_days.demand_index end as run_out_index
from pieces
left join days as first_days
    on pieces.location_id = first_days.location_id and pieces.category = first_days.category and pieces.piece_start_date = first_days.calendar_date
left join days as last_days
    on pieces.location_id = last_days.location_id and pieces.category = last_days.category and pieces.piece_end_date = last_days.calendar_date
left join days as absent_from
    on pieces.location_id = absent_from.location_id and pieces.category = absent_from.category
    and greatest(pieces.piece_start_date, pieces.first_absent_date) = absent_from.calendar_date
left join days as run_out_days
    on pieces.location_id = run_out_days.location_id and pieces.category = run_out_days.category and pieces.run_out_date = run_out_days.calendar_date
