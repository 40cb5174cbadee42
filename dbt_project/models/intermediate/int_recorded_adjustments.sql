{{ config(materialized="view") }}

-- spellings of one reason belong together; a recorded adjustment is not yet what a count found, so it has a name of its own
select
    location_id, item_id, adjustment_date, lower(trim(reason)) as reason,
    cast(sum(adjusted_units) as integer) as recorded_adjustment_units
from {{ ref("stg_stock_adjustments") }}
where adjustment_date <= {{ as_of() }}
group by location_id, item_id, adjustment_date, lower(trim(reason))
