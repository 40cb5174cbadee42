with period as (
    select * from {{ ref("int_as_of") }}
)

select
    counts.location_id, counts.item_id, period.stock_start_date as count_date, counts.counted_units,
    period.is_opening_stand_in
from {{ ref("stg_stock_counts") }} as counts
cross join period
where
    counts.count_kind = case when period.is_opening_stand_in then 'closing' else 'opening' end
    and (period.is_opening_stand_in or counts.count_date = period.stock_start_date)
