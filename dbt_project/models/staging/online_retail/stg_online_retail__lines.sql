{{ config(materialized="table") }}

-- what every order line is, decided once: all that this source says of sales, items and customers follows from it
with unioned as (
    select
        order_id, stock_code, item_name, ordered_units, order_date, unit_price_gbp, customer_id, country,
        order_id in (select order_id from {{ ref("base_online_retail__orders_2010_2011") }} where reject is null) as is_repeated
    from {{ ref("base_online_retail__orders_2009_2010") }}
    where reject is null
    union all
    select order_id, stock_code, item_name, ordered_units, order_date, unit_price_gbp, customer_id, country, false as is_repeated
    from {{ ref("base_online_retail__orders_2010_2011") }}
    where reject is null
),

rates as (
    {{ usd_rates("GBP") }}
),

classified as (
    select
        lines.order_id, upper(lines.stock_code) as item_code, lines.item_name, lines.order_date, lines.ordered_units,
        nullif(lines.customer_id, 0) as customer_id, lines.country,
        lines.unit_price_gbp * rates.usd_per_unit as unit_price_usd,
        cast(lines.ordered_units * lines.unit_price_gbp * rates.usd_per_unit as decimal(18, 2)) as revenue_usd,
        case
            when lines.is_repeated then 'in the later file'
            -- named one by one, so that a code nobody has seen before is taken for an item and not lost
            when regexp_full_match(
                upper(lines.stock_code),
                'POST|DOT|M|C2|C3|D|S|B|CRUK|BANK CHARGES|AMAZONFEE|ADJUST[0-9]*|GIFT(_.*)?|TEST[0-9]*'
            ) then 'not goods'
            when lines.unit_price_gbp <= 0 then 'no price'
            when lines.ordered_units < 0 then 'return'
            else 'sale'
        end as line_kind
    from unioned as lines
    left join rates on lines.order_date >= rates.valid_from and lines.order_date < rates.valid_until
),

-- only what is bought and cancelled by the same known customer in the same quantity can belong together
cancelled_keys as (
    select distinct customer_id, item_code, -ordered_units as ordered_units
    from classified
    where line_kind = 'return' and customer_id is not null
),

candidates as (
    select
        classified.*,
        sum(sign(classified.ordered_units)) over key_lines as open_lines
    from classified
    inner join cancelled_keys
        on classified.customer_id = cancelled_keys.customer_id and classified.item_code = cancelled_keys.item_code
        and abs(classified.ordered_units) = cancelled_keys.ordered_units
    where classified.line_kind in ('sale', 'return')
    window key_lines as (
        partition by classified.customer_id, classified.item_code, abs(classified.ordered_units)
        -- a line can be cancelled on its own day
        order by classified.order_date, sign(classified.ordered_units) desc, classified.order_id, classified.unit_price_usd
        rows between unbounded preceding and current row
    )
),

-- cancellations that found no line before them do not count against the lines after them
covered as (
    select
        *,
        greatest(max(-open_lines) over key_lines, 0) as uncovered_lines
    from candidates
    window key_lines as (
        partition by customer_id, item_code, abs(ordered_units)
        order by order_date, sign(ordered_units) desc, order_id, unit_price_usd rows between unbounded preceding and current row
    )
),

levelled as (
    select
        *,
        uncovered_lines > lag(uncovered_lines, 1, 0) over key_lines as is_uncovered,
        -- as with brackets: a cancellation closes the newest line that is still open
        open_lines + uncovered_lines + case when ordered_units < 0 then 1 else 0 end as level
    from covered
    window key_lines as (
        partition by customer_id, item_code, abs(ordered_units)
        order by order_date, sign(ordered_units) desc, order_id, unit_price_usd
    )
),

matched as (
    select
        *,
        lead(ordered_units) over (
            partition by customer_id, item_code, abs(ordered_units), level, is_uncovered
            order by order_date, sign(ordered_units) desc, order_id, unit_price_usd
        ) < 0 as is_cancelled
    from levelled
),

kinded as (
    select
        order_id, item_code, item_name, order_date, ordered_units, customer_id, country, unit_price_usd, revenue_usd,
        case
            when line_kind = 'sale' and is_cancelled then 'cancelled sale'
            when line_kind = 'return' and not is_uncovered then 'cancellation'
            else line_kind
        end as line_kind
    from matched
    union all
    select
        classified.order_id, classified.item_code, classified.item_name, classified.order_date, classified.ordered_units,
        classified.customer_id, classified.country, classified.unit_price_usd, classified.revenue_usd, classified.line_kind
    from classified
    left join cancelled_keys
        on classified.customer_id = cancelled_keys.customer_id and classified.item_code = cancelled_keys.item_code
        and abs(classified.ordered_units) = cancelled_keys.ordered_units
    where cancelled_keys.item_code is null or classified.line_kind not in ('sale', 'return')
),

-- by first appearance, so that a number stays the same while days are added at the end
items as (
    select item_code, cast(row_number() over (order by min(order_date), item_code) as integer) as item_id
    from kinded
    where line_kind in ('sale', 'cancelled sale', 'cancellation', 'return')
    group by item_code
)

select
    kinded.order_id, items.item_id, kinded.item_code, kinded.item_name, kinded.order_date, kinded.ordered_units,
    kinded.customer_id, kinded.country, kinded.unit_price_usd, kinded.revenue_usd, kinded.line_kind
from kinded
left join items on kinded.item_code = items.item_code
