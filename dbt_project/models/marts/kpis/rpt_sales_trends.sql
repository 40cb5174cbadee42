-- sales are known from the first day with a sale or a count, also where stock is not yet
with period as (
    select as_of_date, least(first_sale_date, stock_start_date) as first_known_date from {{ ref("int_as_of") }}
),

known_days as (
    select dates.calendar_date, dates.month_start_date, dates.iso_week_start_date
    from {{ ref("dim_date") }} as dates
    cross join period
    where dates.calendar_date between period.first_known_date and period.as_of_date
),

periods as (
    select
        'month' as period_type, month_start_date as period_start_date, last_day(month_start_date) as period_end_date,
        cast(count(*) as integer) as period_days
    from known_days
    group by month_start_date
    union all
    select 'iso_week', iso_week_start_date, iso_week_start_date + 6, cast(count(*) as integer)
    from known_days
    group by iso_week_start_date
),

sold_in_months as (
    select item_id, location_id, month_start_date, sold_units, revenue_usd, 0 as promoted_units
    from {{ ref("int_inventory_item_location_month") }}
    where sold_units > 0
    union all
    select item_id, location_id, month_start_date, 0, 0, promoted_units
    from {{ ref("int_promoted_sales_month") }}
),

monthly as (
    {% for base_level, base_id in {"item": "item_id", "store": "location_id"}.items() -%}
    select
        '{{ base_level }}' as base_level, {{ base_id }} as base_id, 'month' as period_type, month_start_date as period_start_date,
        sum(cast(sold_units as double)) as sold_units, sum(revenue_usd) as revenue_usd,
        sum(cast(promoted_units as double)) as promoted_units
    from sold_in_months
    group by {{ base_id }}, month_start_date
    {{ "union all" if not loop.last }}
    {% endfor %}
),

daily as (
    select
        location_id, price_band, 'month' as period_type, cast(date_trunc('month', sale_date) as date) as period_start_date,
        sold_units, revenue_usd
    from {{ ref("int_sales_location_day") }}
    union all
    select location_id, price_band, 'iso_week', cast(date_trunc('week', sale_date) as date), sold_units, revenue_usd
    from {{ ref("int_sales_location_day") }}
),

based as (
    select * from monthly
    union all
    select 'store', location_id, period_type, period_start_date, sum(sold_units), sum(revenue_usd), null
    from daily
    where period_type = 'iso_week'
    group by location_id, period_type, period_start_date
),

leveled as (
    {{ add_up_to_levels("based", ["period_type", "period_start_date"], {
        "sold_units": "bigint", "revenue_usd": "decimal(18, 2)", "promoted_units": "bigint"
    }) }}
),

by_band as (
    select
        'price_band' as level, price_band as level_key, cast(null as integer) as location_id, price_band, period_type,
        period_start_date, sum(sold_units) as sold_units, sum(revenue_usd) as revenue_usd
    from daily
    group by price_band, period_type, period_start_date
    union all
    select
        'store_price_band', location_id || ': ' || price_band, location_id, price_band, period_type, period_start_date, sum(sold_units),
        sum(revenue_usd)
    from daily
    group by location_id, price_band, period_type, period_start_date
),

sold as (
    select
        level, level_key, item_id, brand_name, category, vendor_id, location_id, city, cast(null as varchar) as price_band,
        period_type, period_start_date, sold_units, revenue_usd, promoted_units
    from leveled
    union all
    select
        level, level_key, null, null, null, null, location_id, null, price_band,
        period_type, period_start_date, cast(sold_units as bigint), cast(revenue_usd as decimal(18, 2)), null
    from by_band
),

keys as (
    select
        level, level_key, period_type, min(period_start_date) as first_period_start_date,
        {% for name in ["item_id", "brand_name", "category", "vendor_id", "location_id", "city", "price_band"] -%}
        any_value({{ name }}) as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from sold
    group by level, level_key, period_type
),

-- from the first sale on every period is there, also one without sales: the row before is always the period before
every_period as (
    select
        keys.*, periods.period_start_date, periods.period_end_date, periods.period_days,
        periods.period_days = periods.period_end_date - periods.period_start_date + 1 as is_complete,
        coalesce(sold.sold_units, 0) as sold_units,
        coalesce(sold.revenue_usd, 0) as revenue_usd,
        -- of weeks and price bands nobody knows, and without promotions there is nothing to know
        case
            when keys.period_type = 'month' and keys.price_band is null and promotions.are_known then coalesce(sold.promoted_units, 0)
        end as promoted_units
    from keys
    cross join (select exists(select * from {{ ref("int_promotions") }}) as are_known) as promotions
    inner join periods
        on keys.period_type = periods.period_type and keys.first_period_start_date <= periods.period_start_date
    left join sold
        on keys.level = sold.level and keys.level_key = sold.level_key
        and periods.period_type = sold.period_type and periods.period_start_date = sold.period_start_date
),

compared as (
    select
        *,
        lag(is_complete) over by_time as previous_is_complete,
        lag(sold_units) over by_time as previous_sold_units,
        lag(revenue_usd) over by_time as previous_revenue_usd,
        -- 52 weeks before: the same days of the week
        lag(is_complete, case when period_type = 'month' then 12 else 52 end) over by_time as year_ago_is_complete,
        lag(sold_units, case when period_type = 'month' then 12 else 52 end) over by_time as year_ago_sold_units,
        lag(revenue_usd, case when period_type = 'month' then 12 else 52 end) over by_time as year_ago_revenue_usd,
        any_value(case when level = 'chain' then sold_units end) over (partition by period_type, period_start_date) as chain_sold_units,
        any_value(case when level = 'chain' then revenue_usd end) over (partition by period_type, period_start_date) as chain_revenue_usd
    from every_period
    window by_time as (partition by level, level_key, period_type order by period_start_date)
)

select
    period_type, period_start_date, period_end_date, period_days, is_complete,
    level, level_key, item_id, brand_name, category, vendor_id, location_id, city, price_band,
    sold_units, revenue_usd, promoted_units,
    promoted_units / nullif(sold_units, 0) as promoted_share,
    cast(revenue_usd / nullif(sold_units, 0) as decimal(18, 4)) as average_selling_price_usd,
    sold_units / nullif(chain_sold_units, 0) as share_of_chain_units,
    cast(revenue_usd as double) / nullif(chain_revenue_usd, 0) as share_of_chain_revenue,
    -- a part of a month against a whole one would show a fall that is none
    case
        when is_complete and previous_is_complete
            then cast(sold_units as double) / nullif(previous_sold_units, 0) - 1
    end as sold_units_change_from_previous,
    case
        when is_complete and year_ago_is_complete
            then cast(sold_units as double) / nullif(year_ago_sold_units, 0) - 1
    end as sold_units_change_from_year_ago,
    case
        when is_complete and previous_is_complete
            then cast(revenue_usd as double) / nullif(previous_revenue_usd, 0) - 1
    end as revenue_change_from_previous,
    case
        when is_complete and year_ago_is_complete
            then cast(revenue_usd as double) / nullif(year_ago_revenue_usd, 0) - 1
    end as revenue_change_from_year_ago
from compared
