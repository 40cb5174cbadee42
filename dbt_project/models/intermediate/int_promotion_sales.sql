{% set windows = [
    ("promotion", "first_date", "last_date"),
    ("wake", "last_date + 1", "wake_last_date"),
    ("before", "before_first_date", "before_last_date"),
    ("after", "after_first_date", "after_last_date"),
] %}

-- a number instead of text and days: four million rows are grouped by it
with numbered as materialized (
    select *, row_number() over () as promotion_number from {{ ref("int_promotions") }}
),

held as (
    select item_id, location_id from {{ ref("int_inventory_item_location") }}
),

-- store by store, so that a promotion meets the ledger by item and store, not by item alone
placed as (
    select promotions.*, held.location_id as sold_location_id
    from numbered as promotions
    inner join held on promotions.item_id = held.item_id
    where promotions.location_id is null
    union all
    select promotions.*, held.location_id
    from numbered as promotions
    inner join held on promotions.item_id = held.item_id and promotions.location_id = held.location_id
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
    where item_id in (select item_id from {{ ref("int_promotions") }})
),

joined as (
    select
        promotions.*, stretches.inventory_date, stretches.sold_units, stretches.revenue_usd,
        stretches.last_date as stretch_last_date, stretches.in_stock_last_date
    from stretches
    inner join placed as promotions
        on stretches.item_id = promotions.item_id and stretches.location_id = promotions.sold_location_id
        and stretches.inventory_date <= greatest(promotions.wake_last_date, promotions.after_last_date)
        and stretches.last_date >= least(promotions.before_first_date, promotions.first_date)
),

summed as (
    select
        promotion_number,
        cast(count(distinct sold_location_id) as integer) as location_count
        {%- for name, first, last in windows %},
        cast(sum(case when inventory_date between {{ first }} and {{ last }} then sold_units else 0 end) as bigint) as {{ name }}_sold_units,
        cast(sum(case when inventory_date between {{ first }} and {{ last }} then revenue_usd else 0 end) as decimal(18, 2)) as {{ name }}_revenue_usd,
        cast(sum({{ shared_days("inventory_date", "in_stock_last_date", first, last) }}) as bigint) as {{ name }}_in_stock_days,
        cast(sum({{ shared_days("in_stock_last_date + 1", "stretch_last_date", first, last) }}) as bigint) as {{ name }}_stock_out_days
        {%- endfor %}
    from joined
    group by promotion_number
)

select
    numbered.promotion_id, numbered.item_id, numbered.location_id, numbered.first_date, numbered.last_date, summed.location_count
    {%- for name, first, last in windows %}
    {%- for measure in ["sold_units", "revenue_usd", "in_stock_days", "stock_out_days"] %},
    summed.{{ name }}_{{ measure }}
    {%- endfor %}
    {%- endfor %}
from summed
inner join numbered on summed.promotion_number = numbered.promotion_number
