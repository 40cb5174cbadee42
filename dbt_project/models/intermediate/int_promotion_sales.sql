{% set windows = [
    ("promotion", "first_date", "last_date"),
    ("wake", "last_date + 1", "wake_last_date"),
    ("before", "before_first_date", "before_last_date"),
    ("after", "after_first_date", "after_last_date"),
] %}

with promotions as (
    select * from {{ ref("int_promotions") }}
),

-- only what was ever promoted
stretches as (
    select
        item_id, location_id, inventory_date, sold_units, revenue_usd,
        inventory_date + valid_days - 1 as last_date,
        case
            when closing_units = 0 and sold_units = 0 then inventory_date - 1
            when closing_units = 0 then inventory_date
            else inventory_date + valid_days - 1
        end as in_stock_last_date
    from {{ ref("int_stock_ledger") }}
    where item_id in (select item_id from promotions)
),

joined as (
    select
        promotions.*, stretches.inventory_date, stretches.sold_units, stretches.revenue_usd,
        stretches.last_date as stretch_last_date, stretches.in_stock_last_date, stretches.location_id as sold_location_id
    from stretches
    inner join promotions
        on stretches.item_id = promotions.item_id
        and stretches.inventory_date <= greatest(promotions.wake_last_date, promotions.after_last_date)
        and stretches.last_date >= least(promotions.before_first_date, promotions.first_date)
    where promotions.location_id is null or promotions.location_id = stretches.location_id
)

select
    promotion_id, item_id, location_id, first_date, last_date,
    cast(count(distinct sold_location_id) as integer) as location_count
    {%- for name, first, last in windows %},
    cast(sum(case when inventory_date between {{ first }} and {{ last }} then sold_units else 0 end) as bigint) as {{ name }}_sold_units,
    cast(sum(case when inventory_date between {{ first }} and {{ last }} then revenue_usd else 0 end) as decimal(18, 2)) as {{ name }}_revenue_usd,
    cast(sum({{ shared_days("inventory_date", "in_stock_last_date", first, last) }}) as bigint) as {{ name }}_in_stock_days,
    cast(sum({{ shared_days("in_stock_last_date + 1", "stretch_last_date", first, last) }}) as bigint) as {{ name }}_stock_out_days
    {%- endfor %}
from joined
group by promotion_id, item_id, location_id, first_date, last_date
