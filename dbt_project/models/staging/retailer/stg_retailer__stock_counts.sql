with opening as (
    select 'opening' as count_kind, * from {{ ref("base_retailer__opening_inventory") }}
),

closing as (
    select 'closing' as count_kind, * from {{ ref("base_retailer__closing_inventory") }}
),

unioned as (
    select * from opening
    union all
    select * from closing
)

-- a store may list a product twice in one count: what was counted adds up
select
    count_kind, location_id, item_id, count_date, cast(sum(counted_units) as integer) as counted_units,
    max(item_name) as item_name, max(size) as size
from unioned
where reject is null
group by count_kind, location_id, item_id, count_date
