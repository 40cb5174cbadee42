with period as (
    select as_of_date, stock_start_date from {{ ref("int_as_of") }}
),

months as (
    select
        cast(unnest(generate_series(date_trunc('month', stock_start_date), date_trunc('month', as_of_date), interval '1 month')) as date)
            as month_start_date
    from period
),

-- a month counts towards its quarter, its year and the twelve windows that reach over it
period_months as (
    select 'month' as period_type, 1 as period_months, month_start_date as period_start_date, month_start_date
    from months
    union all
    select 'quarter', 3, cast(date_trunc('quarter', month_start_date) as date), month_start_date
    from months
    union all
    select 'year', 12, cast(date_trunc('year', month_start_date) as date), month_start_date
    from months
    union all
    select 'rolling_12_months', 12, cast(last_months.month_start_date - interval '11 months' as date), months.month_start_date
    from months as last_months
    inner join months
        on months.month_start_date between last_months.month_start_date - interval '11 months' and last_months.month_start_date
),

calendar as (
    select
        period_type, period_start_date, max(month_start_date) as last_month_start_date,
        cast(period_start_date + to_months(period_months) - interval '1 day' as date) as period_end_date
    from period_months
    group by period_type, period_start_date, period_months
),

periods as (
    select
        calendar.*,
        cast(
            least(calendar.period_end_date, period.as_of_date) - greatest(calendar.period_start_date, period.stock_start_date) + 1
            as integer
        ) as period_days,
        calendar.period_start_date >= period.stock_start_date and calendar.period_end_date <= period.as_of_date as is_complete
    from calendar
    cross join period
),

facts as (
    select
        item_id, location_id, month_start_date, sold_units, received_units, revenue_usd, change_units, change_unit_days,
        0 as negative_unit_days
    from {{ ref("int_inventory_item_location_month") }}
    where is_stock_known
    union all
    select item_id, location_id, month_start_date, 0, 0, 0, 0, 0, negative_unit_days
    from {{ ref("int_negative_stock_month") }}
),

-- a cost as a whole number of ten-thousandths: what is added up of it is exact as double, without DuckDB's 128-bit sums
priced as (
    select
        facts.*, products.unit_cost_usd is not null as is_cost_known,
        cast(products.unit_cost_usd * 10000 as double) as unit_cost
    from facts
    inner join {{ ref("int_products") }} as products on facts.item_id = products.item_id
),

{% set base_columns = {"item": "item_id", "store": "location_id"} %}

-- money only where the cost is known: what is sold or held at an unknown cost is in the units and in revenue_usd, nowhere else
valued as (
    {% for base_level, base_id in base_columns.items() -%}
    select
        '{{ base_level }}' as base_level, {{ base_id }} as base_id, month_start_date,
        cast(sum(cast(sold_units as double)) as bigint) as sold_units,
        cast(sum(cast(received_units as double)) as bigint) as received_units,
        cast(sum(revenue_usd) as decimal(18, 2)) as revenue_usd,
        cast(sum(case when is_cost_known then revenue_usd end) as decimal(18, 2)) as revenue_at_known_cost_usd,
        cast(sum(sold_units * unit_cost) / 10000 as decimal(18, 4)) as cogs_usd,
        cast(sum(cast(change_units as double)) as bigint) as change_units,
        cast(sum(change_units * unit_cost) / 10000 as decimal(18, 4)) as change_usd,
        cast(sum(cast(change_unit_days as double)) as bigint) as change_unit_days,
        cast(sum(change_unit_days * unit_cost) / 10000 as decimal(18, 4)) as change_usd_days,
        cast(sum(cast(negative_unit_days as double)) as bigint) as negative_unit_days,
        cast(sum(negative_unit_days * unit_cost) / 10000 as decimal(18, 4)) as negative_usd_days
    from priced
    group by {{ base_id }}, month_start_date
    {{ "union all" if not loop.last }}
    {% endfor %}
),

cohorts as (
    {% for base_level, base_id in base_columns.items() -%}
    select
        '{{ base_level }}' as base_level, {{ base_id }} as base_id, month_start_date,
        cast(sum(cast(cohort_sold_units as double)) as bigint) as cohort_sold_units
    from {{ ref("int_receipt_cohorts") }}
    group by {{ base_id }}, month_start_date
    {{ "union all" if not loop.last }}
    {% endfor %}
),

bases as (
    select base_level, base_id, min(month_start_date) as first_month_start_date, count(cogs_usd) > 0 as has_known_cost
    from valued
    group by base_level, base_id
),

-- from an item's or a store's first month on every month is there, also one in which nothing moved: it has its stock
monthly as (
    select
        bases.base_level, bases.base_id, bases.has_known_cost, months.month_start_date,
        least(last_day(months.month_start_date), period.as_of_date) - greatest(months.month_start_date, period.stock_start_date) + 1
            as month_days,
        {% for name in [
            "sold_units", "received_units", "revenue_usd", "change_units", "change_unit_days", "negative_unit_days",
        ] -%}
        coalesce(valued.{{ name }}, 0) as {{ name }},
        {% endfor -%}
        coalesce(cohorts.cohort_sold_units, 0) as cohort_sold_units,
        {% for name in ["revenue_at_known_cost_usd", "cogs_usd", "change_usd", "change_usd_days", "negative_usd_days"] -%}
        case when bases.has_known_cost then coalesce(valued.{{ name }}, 0) end as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from bases
    cross join period
    inner join months on bases.first_month_start_date <= months.month_start_date
    left join valued
        on bases.base_level = valued.base_level and bases.base_id = valued.base_id
        and months.month_start_date = valued.month_start_date
    left join cohorts
        on bases.base_level = cohorts.base_level and bases.base_id = cohorts.base_id
        and months.month_start_date = cohorts.month_start_date
),

balanced as (
    select
        *,
        cast(sum(change_units) over months_so_far as bigint) as on_hand_units,
        cast(sum(change_usd) over months_so_far as decimal(18, 4)) as on_hand_usd
    from monthly
    window months_so_far as (partition by base_level, base_id order by month_start_date rows unbounded preceding)
),

-- what is below zero is not there, and what is there is not less for it: the days below zero are put back to none
averaged as (
    select
        *,
        (on_hand_units - change_units) * month_days + change_unit_days + negative_unit_days as on_hand_unit_days,
        cast((on_hand_usd - change_usd) * month_days + change_usd_days + negative_usd_days as decimal(18, 4)) as on_hand_usd_days
    from balanced
)

select
    averaged.base_level, averaged.base_id,
    periods.period_type, periods.period_start_date, periods.period_end_date, periods.period_days, periods.is_complete,
    {% for name, type in {
        "sold_units": "bigint", "received_units": "bigint", "cohort_sold_units": "bigint",
        "revenue_usd": "decimal(18, 2)", "revenue_at_known_cost_usd": "decimal(18, 2)", "cogs_usd": "decimal(18, 4)",
        "on_hand_unit_days": "bigint", "on_hand_usd_days": "decimal(18, 4)",
        "negative_unit_days": "bigint", "negative_usd_days": "decimal(18, 4)",
    }.items() -%}
    cast(sum(averaged.{{ name }}) as {{ type }}) as {{ name }},
    {% endfor -%}
    max(case when averaged.month_start_date = periods.last_month_start_date then averaged.on_hand_units end) as on_hand_units,
    max(case when averaged.month_start_date = periods.last_month_start_date then averaged.on_hand_usd end) as on_hand_usd
from averaged
inner join period_months on averaged.month_start_date = period_months.month_start_date
inner join periods
    on period_months.period_type = periods.period_type and period_months.period_start_date = periods.period_start_date
group by
    averaged.base_level, averaged.base_id,
    periods.period_type, periods.period_start_date, periods.period_end_date, periods.period_days, periods.is_complete
