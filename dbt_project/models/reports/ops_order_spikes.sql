{{ config(materialized="view") }}

{# orders are a spike from this many times the usual amount, against at least so many earlier days, and not for small change #}
{% set ratio, days, least_usd = 2, 3, 100 %}

with sums as (
    select
        run_id, source_key, recorded_at, as_of_date, 'vendor' as level, cast(vendor_id as varchar) as level_key, vendor_id,
        order_line_count, order_units, order_usd
    from {{ source("ops", "order_sums") }}
    union all
    select
        run_id, source_key, recorded_at, as_of_date, 'chain' as level, 'all' as level_key, cast(null as integer) as vendor_id,
        cast(sum(order_line_count) as bigint) as order_line_count, cast(sum(order_units) as bigint) as order_units,
        {{ exact_sum("order_usd") }} as order_usd
    from {{ source("ops", "order_sums") }}
    group by run_id, source_key, recorded_at, as_of_date
),

-- the last run of each day decided for
day_sums as (
    select source_key, level, level_key, as_of_date, max_by(order_usd, (recorded_at, run_id)) as order_usd
    from sums
    group by all
),

ranked as (
    select
        sums.run_id, sums.level, sums.level_key, earlier.order_usd,
        row_number() over (
            partition by sums.run_id, sums.level, sums.level_key order by earlier.as_of_date desc
        ) as days_back
    from sums
    inner join day_sums as earlier
        on sums.source_key = earlier.source_key and sums.level = earlier.level and sums.level_key = earlier.level_key
        and sums.as_of_date > earlier.as_of_date
),

usual as (
    select run_id, level, level_key, median(order_usd) as usual_order_usd, cast(count(*) as integer) as compared_days
    from ranked
    where days_back <= 8
    group by all
)

select
    sums.run_id, sums.recorded_at, sums.as_of_date, sums.level, sums.level_key, sums.vendor_id,
    sums.order_line_count, sums.order_units, sums.order_usd, usual.usual_order_usd,
    coalesce(usual.compared_days, 0) as compared_days,
    sums.order_usd / nullif(usual.usual_order_usd, 0) as spike_ratio,
    coalesce(
        usual.compared_days >= {{ days }} and sums.order_usd > {{ ratio }} * usual.usual_order_usd
        and sums.order_usd > usual.usual_order_usd + {{ least_usd }}, false
    ) as is_spike,
    sums.recorded_at = (select max(recorded_at) from {{ source("ops", "table_rows") }}) as is_latest
from sums
left join usual on sums.run_id = usual.run_id and sums.level = usual.level and sums.level_key = usual.level_key
