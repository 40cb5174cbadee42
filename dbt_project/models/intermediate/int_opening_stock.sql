-- per item and location the opening count, or the count nearest to the first known day where it is absent or of another day
with period as (
    select * from {{ ref("int_as_of") }}
),

ranked as (
    select
        counts.location_id, counts.item_id, period.stock_start_date, counts.counted_units,
        counts.count_kind <> 'opening' or counts.count_date <> period.stock_start_date as is_opening_stand_in,
        row_number() over (
            partition by counts.location_id, counts.item_id
            order by abs(counts.count_date - period.stock_start_date), counts.count_date
        ) as nearness
    from {{ ref("stg_stock_counts") }} as counts
    cross join period
    -- where only single items were ever counted, their counts have to do
    where counts.count_kind = case
        when not period.is_opening_stand_in then 'opening'
        when exists (select 1 from {{ ref("stg_stock_counts") }} where count_kind = 'closing') then 'closing'
        else 'cycle'
    end
)

select location_id, item_id, stock_start_date as count_date, counted_units, is_opening_stand_in
from ranked
where nearness = 1
