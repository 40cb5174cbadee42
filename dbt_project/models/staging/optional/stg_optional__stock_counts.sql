-- an item may be listed twice in one count: what was counted adds up
select
    'cycle' as count_kind, location_id, item_id, count_date, cast(sum(counted_units) as integer) as counted_units,
    cast(null as varchar) as item_name, cast(null as varchar) as size
from {{ ref("base_optional__stock_counts") }}
where reject is null
group by location_id, item_id, count_date
