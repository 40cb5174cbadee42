with causes as (
    select
        item_id, location_id, reason, greatest(-recorded_adjustment_units, 0) as loss_units,
        greatest(recorded_adjustment_units, 0) as gain_units
    from {{ ref("int_recorded_adjustments") }}
    where adjustment_date >= {{ stock_start() }}
    union all
    -- what counts found: nobody knows why
    select item_id, location_id, 'unknown', greatest(-adjusted_units, 0), greatest(adjusted_units, 0)
    from {{ ref("int_stock_adjustments") }}
    where adjusted_units <> 0
),

summed as (
    select
        item_id, location_id, reason, count(*) as line_count,
        cast(sum(loss_units) as integer) as loss_units, cast(sum(gain_units) as integer) as gain_units
    from causes
    group by item_id, location_id, reason
),

-- cents are rounded once, where things lie, so that every level adds up to the same money
valued as (
    select
        causes.item_id, causes.location_id, locations.city, causes.reason, causes.line_count, causes.loss_units, causes.gain_units,
        cast(causes.loss_units * products.unit_cost_usd as decimal(18, 2)) as loss_usd,
        cast(causes.gain_units * products.unit_cost_usd as decimal(18, 2)) as gain_usd
    from summed as causes
    inner join {{ ref("int_products") }} as products on causes.item_id = products.item_id
    inner join {{ ref("dim_location") }} as locations on causes.location_id = locations.location_id
),

leveled as (
    {%- for name, key, own in stock_levels() if name != "item_store" %}
    select
        {{ level_columns(name, key, own) }} reason,
        cast(sum(line_count) as bigint) as line_count,
        cast(sum(loss_units) as bigint) as loss_units,
        cast(sum(gain_units) as bigint) as gain_units,
        cast(sum(loss_usd) as decimal(18, 2)) as loss_usd,
        cast(sum(gain_usd) as decimal(18, 2)) as gain_usd
    from valued
    group by all
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select
    level, level_key, item_id, location_id, city, reason, line_count, loss_units, gain_units, loss_usd, gain_usd,
    cast(loss_usd as double) / nullif(cast(sum(loss_usd) over (partition by level, level_key) as double), 0) as share_of_loss
from leveled
