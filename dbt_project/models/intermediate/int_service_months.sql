-- what the service ratios are made of, as sums: items add up to vendors and classes, stores to cities and the chain
{% set entities = ["item", "location"] %}
with receipts as (
    select item_id, location_id, inventory_date as receipt_date
    from {{ ref("int_stock_ledger") }}
    where received_units > 0 and inventory_date >= {{ stock_start() }}
),

promised as (
    select first_receipts.item_id, first_receipts.location_id, first_receipts.first_receipt_date, terms.cycle_service_level
    from (
        select item_id, location_id, min(receipt_date) as first_receipt_date from receipts group by item_id, location_id
    ) as first_receipts
    inner join {{ ref("int_item_location_terms") }} as terms
        on first_receipts.item_id = terms.item_id and first_receipts.location_id = terms.location_id
),

-- from one receipt to the next, counted in the month of the next. An empty shelf that a sale ended was an error of the books,
-- so a stock-out is one that the receipt ended.
cycles as (
    select
        receipts.item_id, receipts.location_id, cast(date_trunc('month', receipts.receipt_date) as date) as month_start_date,
        promised.cycle_service_level,
        case when stock_outs.absence_state = 'empty' then 1 else 0 end as stock_outs,
        case when stock_outs.absence_state = 'hidden' then stock_outs.absent_probability else 0 end as hidden_stock_outs
    from receipts
    inner join promised
        on receipts.item_id = promised.item_id and receipts.location_id = promised.location_id
        and receipts.receipt_date > promised.first_receipt_date
    left join {{ ref("int_absences") }} as stock_outs
        on receipts.item_id = stock_outs.item_id and receipts.location_id = stock_outs.location_id
        and receipts.receipt_date = stock_outs.last_absent_date + 1
        and stock_outs.absence_state in ('empty', 'hidden', 'unknown')
    -- whether books below zero stand for an empty shelf nobody knows
    where stock_outs.absence_state is distinct from 'unknown'
),

cycle_sums as (
    {% for entity in entities -%}
    select
        '{{ entity }}' as entity, {{ entity }}_id as entity_id, month_start_date,
        count(*) as cycles, cast(sum(stock_outs) as bigint) as stock_out_cycles,
        {{ exact_sum("hidden_stock_outs") }} as hidden_stock_out_cycles,
        {{ exact_sum("cycle_service_level") }} as target_cycles
    from cycles
    group by {{ entity }}_id, month_start_date
    {{ "union all" if not loop.last }}
    {% endfor %}
),

absence_sums as (
    {% for entity in entities -%}
    select
        '{{ entity }}' as entity, {{ entity }}_id as entity_id, month_start_date,
        {% for measure, days in [("days", "absent_days"), ("open_days", "absent_open_days")] -%}
        cast(sum(case when absence_state in ('not stocked yet', 'not carried') then {{ days }} else 0 end) as bigint) as not_ranged_{{ measure }},
        cast(sum(case when absence_state = 'unknown' then {{ days }} else 0 end) as bigint) as unknown_{{ measure }},
        cast(sum(case when absence_state = 'empty' then {{ days }} else 0 end) as bigint) as stock_out_{{ measure }},
        {{ exact_sum("case when absence_state = 'hidden' then absent_probability * " ~ days ~ " else 0 end") }} as hidden_stock_out_{{ measure }},
        {% endfor -%}
        cast(sum(case when absence_state = 'unknown' then run_out_sold_units else 0 end) as bigint) as unknown_sold_units
    from {{ ref("int_absence_months") }}
    group by {{ entity }}_id, month_start_date
    {{ "union all" if not loop.last }}
    {% endfor %}
),

location_counts as (
    select location_id, count(*) as items from {{ ref("int_inventory_item_location") }} group by location_id
),

location_months as (
    select
        location_id, month_start_date, count(distinct calendar_date) as days, count(distinct calendar_date) filter (where is_open) as open_days,
        cast(sum(sold_units) as bigint) as sold_units
    from {{ ref("int_demand_days") }}
    group by location_id, month_start_date
),

ranged as (
    select 'item' as entity, item_id as entity_id, month_start_date, ranged_days, ranged_open_days, sold_units
    from {{ ref("int_demand_item_months") }}
    union all
    select
        'location', months.location_id, months.month_start_date,
        counts.items * months.days - coalesce(absences.not_ranged_days, 0),
        counts.items * months.open_days - coalesce(absences.not_ranged_open_days, 0),
        months.sold_units
    from location_months as months
    inner join location_counts as counts on months.location_id = counts.location_id
    left join absence_sums as absences
        on absences.entity = 'location' and months.location_id = absences.entity_id
        and months.month_start_date = absences.month_start_date
),

known as (
    select
        ranged.entity, ranged.entity_id, ranged.month_start_date,
        ranged.ranged_days - coalesce(absences.unknown_days, 0) as ranged_days,
        ranged.ranged_open_days - coalesce(absences.unknown_open_days, 0) as ranged_open_days,
        coalesce(absences.stock_out_days, 0) as stock_out_days,
        coalesce(absences.stock_out_open_days, 0) as stock_out_open_days,
        coalesce(absences.hidden_stock_out_days, 0) as hidden_stock_out_days,
        coalesce(cycles.cycles, 0) as cycles,
        coalesce(cycles.stock_out_cycles, 0) as stock_out_cycles,
        coalesce(cycles.hidden_stock_out_cycles, 0) as hidden_stock_out_cycles,
        coalesce(cycles.target_cycles, 0) as target_cycles,
        ranged.sold_units - coalesce(absences.unknown_sold_units, 0) as served_units
    from ranged
    left join absence_sums as absences
        on ranged.entity = absences.entity and ranged.entity_id = absences.entity_id
        and ranged.month_start_date = absences.month_start_date
    left join cycle_sums as cycles
        on ranged.entity = cycles.entity and ranged.entity_id = cycles.entity_id
        and ranged.month_start_date = cycles.month_start_date
    union all
    -- a day counts by the share of its open hours
    {% for entity in entities -%}
    select
        '{{ entity }}', {{ entity }}_id, month_start_date,
        cast(sum(known_days) as bigint), cast(sum(known_days) as bigint), {{ exact_sum("stock_out_days") }}, {{ exact_sum("stock_out_days") }},
        0, 0, 0, 0, 0, cast(sum(served_units) as bigint)
    from {{ ref("int_lost_sales_hours") }}
    group by {{ entity }}_id, month_start_date
    {{ "union all" if not loop.last }}
    {% endfor %}
),

prices as (
    select
        stock.item_id, stock.location_id,
        cast(coalesce(stock.revenue_usd / nullif(stock.sold_units, 0), products.list_price_usd) as double) as price_usd,
        cast(coalesce(stock.revenue_usd / nullif(stock.sold_units, 0), products.list_price_usd) - products.unit_cost_usd as double) as margin_usd
    from {{ ref("int_inventory_item_location") }} as stock
    inner join {{ ref("int_products") }} as products on stock.item_id = products.item_id
),

lost_months as (
    select
        lost.item_id, lost.location_id, lost.month_start_date, lost.lost_units, lost.chance_variance, lost.lost_index,
        lost.units_per_day_variance, lost.lost_units * lost.shared_error_share as shared_error_units, prices.price_usd, prices.margin_usd
    from {{ ref("int_lost_sales") }} as lost
    left join prices on lost.item_id = prices.item_id and lost.location_id = prices.location_id
),

-- the error of an item's rate is the same in all months, so over the whole period its units add up before they are squared
lost as (
    select * from lost_months
    union all
    select
        item_id, location_id, null, {{ exact_sum("lost_units") }}, {{ exact_sum("chance_variance") }}, {{ exact_sum("lost_index") }},
        any_value(units_per_day_variance), {{ exact_sum("shared_error_units") }}, any_value(price_usd), any_value(margin_usd)
    from lost_months
    group by item_id, location_id
),

lost_sums as (
    {% for entity in entities -%}
    select
        '{{ entity }}' as entity, {{ entity }}_id as entity_id, month_start_date,
        {{ exact_sum("lost_units") }} as lost_units,
        {{ exact_sum("shared_error_units") }} as lost_units_shared_error,
        {{ exact_sum("chance_variance + lost_index * lost_index * units_per_day_variance") }} as lost_units_variance,
        {{ exact_sum("lost_units * price_usd", 4) }} as lost_revenue_usd,
        {{ exact_sum("(chance_variance + lost_index * lost_index * units_per_day_variance) * price_usd * price_usd", 2) }} as lost_revenue_variance,
        {{ exact_sum("lost_units * margin_usd", 4) }} as lost_margin_usd,
        {{ exact_sum("(chance_variance + lost_index * lost_index * units_per_day_variance) * margin_usd * margin_usd", 2) }} as lost_margin_variance
    from lost
    group by {{ entity }}_id, month_start_date
    {{ "union all" if not loop.last }}
    {% endfor %}
),

periods as (
    select * from known
    union all
    select
        entity, entity_id, null,
        {% for measure in ["ranged_days", "ranged_open_days", "stock_out_days", "stock_out_open_days", "hidden_stock_out_days", "cycles",
            "stock_out_cycles", "hidden_stock_out_cycles", "target_cycles", "served_units"] -%}
        {{ exact_sum(measure) }}{{ "," if not loop.last }}
        {% endfor %}
    from known
    group by entity, entity_id
)

select
    periods.entity, periods.entity_id,
    case when periods.month_start_date is null then 'whole period' else 'month' end as period_type,
    greatest(coalesce(periods.month_start_date, as_of.stock_start_date), as_of.stock_start_date) as period_start_date,
    least(coalesce(last_day(periods.month_start_date), as_of.as_of_date), as_of.as_of_date) as period_end_date,
    cast(periods.ranged_days as bigint) as ranged_days,
    cast(periods.ranged_open_days as bigint) as ranged_open_days,
    cast(periods.stock_out_days as double) as stock_out_days,
    cast(periods.stock_out_open_days as double) as stock_out_open_days,
    cast(periods.hidden_stock_out_days as double) as hidden_stock_out_days,
    cast(periods.cycles as bigint) as cycles,
    cast(periods.stock_out_cycles as bigint) as stock_out_cycles,
    cast(periods.hidden_stock_out_cycles as double) as hidden_stock_out_cycles,
    cast(periods.target_cycles as double) as target_cycles,
    cast(periods.served_units as bigint) as served_units,
    -- nothing lost is worth nothing; what was lost at a price that nobody knows is worth nobody knows what
    {% for measure in ["lost_units", "lost_units_shared_error", "lost_units_variance", "lost_revenue_usd", "lost_revenue_variance",
        "lost_margin_usd", "lost_margin_variance"] -%}
    coalesce(lost_sums.{{ measure }}, case when lost_sums.entity is null then 0 end) as {{ measure }}{{ "," if not loop.last }}
    {% endfor %}
from periods
cross join {{ ref("int_as_of") }} as as_of
left join lost_sums
    on periods.entity = lost_sums.entity and periods.entity_id = lost_sums.entity_id
    and periods.month_start_date is not distinct from lost_sums.month_start_date
where periods.ranged_days > 0 or periods.cycles > 0 or periods.served_units > 0
