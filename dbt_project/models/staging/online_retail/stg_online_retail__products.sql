with lines as (
    select item_id, item_code, item_name, unit_price_usd
    from {{ ref("stg_online_retail__lines") }}
    where line_kind in ('sale', 'cancelled sale', 'cancellation', 'return')
),

names as (
    select item_id, arg_max(item_name, (line_count, item_name)) as item_name
    from (select item_id, item_name, count(*) as line_count from lines where item_name is not null group by item_id, item_name)
    group by item_id
)

select
    lines.item_id, lines.item_code, any_value(names.item_name) as item_name,
    cast(null as varchar) as size, cast(null as decimal(18, 1)) as volume_ml, cast(null as integer) as classification,
    cast(median(lines.unit_price_usd) as decimal(18, 4)) as list_price_usd,
    cast(null as decimal(18, 4)) as purchase_price_usd,
    cast(null as integer) as vendor_id
from lines
left join names on lines.item_id = names.item_id
group by lines.item_id, lines.item_code
