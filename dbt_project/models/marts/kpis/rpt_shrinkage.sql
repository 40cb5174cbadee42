-- counts say what is missing, not why; a count that finds more than the books is kept apart, or it would hide a loss elsewhere
with counted as (
    select
        item_id, location_id, count(*) as count_lines, max(count_date) as last_count_date,
        sum(cast(book_units as double)) as book_units,
        sum(cast(counted_units as double)) as counted_units,
        sum(cast(greatest(-adjusted_units, 0) as double)) as loss_units,
        sum(cast(greatest(adjusted_units, 0) as double)) as gain_units
    from {{ ref("int_stock_adjustments") }}
    group by item_id, location_id
),

-- what was sold after the last count no count has looked at yet
not_yet_counted as (
    select
        ledger.item_id, ledger.location_id, sum(cast(ledger.sold_units as double)) as sold_units,
        sum(ledger.revenue_usd) as revenue_usd
    from {{ ref("int_stock_ledger") }} as ledger
    inner join counted on ledger.item_id = counted.item_id and ledger.location_id = counted.location_id
    where
        ledger.sold_units > 0 and ledger.inventory_date > counted.last_count_date
        -- compared with one day, the column is filtered while it is read
        and ledger.inventory_date > (select min(every_item.last_count_date) from counted as every_item)
    group by ledger.item_id, ledger.location_id
),

recorded as (
    select
        item_id, location_id,
        sum(case when reason = 'return to vendor' then cast(-recorded_adjustment_units as double) else 0 end) as vendor_return_units,
        sum(case
            when reason <> 'return to vendor' then cast(greatest(-recorded_adjustment_units, 0) as double) else 0
        end) as recorded_loss_units,
        sum(case
            when reason <> 'return to vendor' then cast(greatest(recorded_adjustment_units, 0) as double) else 0
        end) as recorded_gain_units
    from {{ ref("int_recorded_adjustments") }}
    where adjustment_date >= {{ stock_start() }}
    group by item_id, location_id
),

by_item_store as (
    select
        stock.item_id, stock.location_id, locations.city, products.unit_cost_usd,
        counted.last_count_date, coalesce(counted.count_lines, 0) as count_lines, recorded.item_id is not null as is_recorded,
        counted.book_units, counted.counted_units, counted.loss_units, counted.gain_units,
        case when counted.item_id is not null then stock.sold_units - coalesce(not_yet_counted.sold_units, 0) end as counted_sold_units,
        case when counted.item_id is not null then stock.revenue_usd - coalesce(not_yet_counted.revenue_usd, 0) end as counted_revenue_usd,
        coalesce(recorded.recorded_loss_units, 0) as recorded_loss_units,
        coalesce(recorded.recorded_gain_units, 0) as recorded_gain_units,
        coalesce(recorded.vendor_return_units, 0) as vendor_return_units,
        stock.revenue_usd
    from {{ ref("int_inventory_item_location") }} as stock
    inner join {{ ref("int_products") }} as products on stock.item_id = products.item_id
    inner join {{ ref("dim_location") }} as locations on stock.location_id = locations.location_id
    left join counted on stock.item_id = counted.item_id and stock.location_id = counted.location_id
    left join not_yet_counted on stock.item_id = not_yet_counted.item_id and stock.location_id = not_yet_counted.location_id
    left join recorded on stock.item_id = recorded.item_id and stock.location_id = recorded.location_id
),

-- cents are rounded once, where things lie, so that every level adds up to the same money
valued as (
    select
        *,
        {% for name in ["loss", "gain", "recorded_loss", "recorded_gain", "vendor_return"] -%}
        cast(cast({{ name }}_units as integer) * unit_cost_usd as decimal(18, 2)) as {{ name }}_usd,
        {% endfor -%}
        cast(cast(counted_sold_units as integer) * unit_cost_usd as decimal(18, 2)) as counted_cogs_usd,
        case when unit_cost_usd is not null then counted_revenue_usd end as counted_revenue_at_known_cost_usd,
        case when unit_cost_usd is not null then revenue_usd end as revenue_at_known_cost_usd,
        case when unit_cost_usd is null then loss_units + gain_units else 0 end as unknown_cost_units
    from by_item_store
),

leveled as (
    {%- for name, key, own in stock_levels() %}
    select
        {{ level_columns(name, key, own) }}
        count(*) filter (where count_lines > 0) as counted_item_stores,
        cast(sum(cast(count_lines as double)) as bigint) as count_lines,
        max(last_count_date) as last_count_date,
        {% for sum_name in [
            "book", "counted", "loss", "gain", "unknown_cost", "counted_sold", "recorded_loss", "recorded_gain", "vendor_return"
        ] -%}
        cast(sum({{ sum_name }}_units) as bigint) as {{ sum_name }}_units,
        {% endfor -%}
        {% for sum_name in [
            "loss", "gain", "counted_revenue_at_known_cost", "counted_cogs", "recorded_loss", "recorded_gain", "vendor_return",
            "revenue_at_known_cost"
        ] -%}
        cast(sum({{ sum_name }}_usd) as decimal(18, 2)) as {{ sum_name }}_usd{{ "," if not loop.last }}
        {% endfor %}
    from valued
    group by all
    having sum(count_lines) > 0 or bool_or(is_recorded)
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select
    level, level_key, item_id, location_id, city, counted_item_stores, count_lines, last_count_date,
    book_units, counted_units, loss_units, gain_units, loss_units - gain_units as shrinkage_units,
    loss_usd, gain_usd, cast(loss_usd - gain_usd as decimal(18, 2)) as shrinkage_usd, unknown_cost_units,
    counted_sold_units, counted_revenue_at_known_cost_usd, counted_cogs_usd,
    cast(loss_usd - gain_usd as double) / nullif(cast(counted_revenue_at_known_cost_usd as double), 0) as shrinkage_share_of_revenue,
    cast(loss_usd - gain_usd as double) / nullif(cast(counted_cogs_usd as double), 0) as shrinkage_share_of_cogs,
    recorded_loss_units, recorded_gain_units, vendor_return_units, recorded_loss_usd, recorded_gain_usd, vendor_return_usd,
    revenue_at_known_cost_usd,
    cast(recorded_loss_usd - recorded_gain_usd as double) / nullif(cast(revenue_at_known_cost_usd as double), 0)
        as recorded_share_of_revenue
from leveled
