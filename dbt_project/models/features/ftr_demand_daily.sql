-- a view: all items x days are never built; a filter on item_id and location_id reaches every part of it
with days as (
    select
        item_id, location_id, {{ as_of() }} - cast(7 * weeks - 1 as integer) + cast(day_number as integer) as date,
        {{ as_of() }} - cast(7 * weeks - 1 as integer) + cast(7 * (day_number // 7) as integer) as week_start_date
    from (select item_id, location_id, weeks, unnest(range(7 * weeks)) as day_number from {{ ref("int_demand_profile") }})
),

holidays as (
    select distinct events.calendar_date, locations.location_id
    from {{ ref("int_calendar_events") }} as events
    inner join {{ ref("int_locations") }} as locations
        on coalesce(events.location_id, locations.location_id) = locations.location_id
    where events.is_holiday
),

-- one signal of each kind, the first by name
named as (
    select
        min(signal_name) filter (where lower(signal_name) like '%temp%') as weather_name,
        min(signal_name) filter (
            where regexp_matches(lower(signal_name), 'econom|confidence|price_index|cpi|gdp|inflation|unemployment|interest_rate')
        ) as economic_name
    from {{ ref("int_external_signals") }}
),

signals as (
    select
        locations.location_id, signals.signal_date, signals.signal_name,
        coalesce(
            avg(signals.signal_value) filter (where signals.location_id is not null), avg(signals.signal_value)
        ) as signal_value
    from {{ ref("int_external_signals") }} as signals
    inner join named on signals.signal_name in (named.weather_name, named.economic_name)
    inner join {{ ref("int_locations") }} as locations
        on coalesce(signals.location_id, locations.location_id) = locations.location_id
    where signals.signal_value is not null
    group by locations.location_id, signals.signal_date, signals.signal_name
),

{% for kind in ["weather", "economic"] -%}
{{ kind }} as (
    select signals.location_id, signals.signal_date, signals.signal_value
    from signals
    inner join named on signals.signal_name = named.{{ kind }}_name
),

{% endfor -%}

observed as (
    select
        days.item_id, days.location_id, days.date,
        cast(coalesce(ledger.sold_units, 0) as double) as sales,
        case when ledger.sold_units > 0 then cast(ledger.revenue_usd as double) / ledger.sold_units end as paid_usd,
        holidays.calendar_date is not null as is_holiday,
        coalesce((promotions.promoted_day_bits >> cast(days.date - days.week_start_date as integer)) & 1, 0) as promotion_event,
        promotions.discount
    from days
    left join {{ ref("int_stock_ledger") }} as ledger
        on days.item_id = ledger.item_id and days.location_id = ledger.location_id and days.date = ledger.inventory_date
    left join holidays on days.location_id = holidays.location_id and days.date = holidays.calendar_date
    left join {{ ref("int_promotion_weeks") }} as promotions
        on days.item_id = promotions.item_id and days.location_id = promotions.location_id
        and days.week_start_date = promotions.week_start_date
),

lagged as (
    select
        *,
        lag(sales, 1) over item_location_days as lag_1_sales,
        lag(sales, 7) over item_location_days as lag_7_sales,
        lag(sales, 30) over item_location_days as lag_30_sales,
        avg(sales) over (
            partition by item_id, location_id order by date rows between 7 preceding and 1 preceding
        ) as rolling_mean_7days,
        avg(sales) over (
            partition by item_id, location_id order by date rows between 28 preceding and 1 preceding
        ) as moving_avg,
        lag(sales, 1) over item_location_days - lag(sales, 2) over item_location_days as diff_sales,
        last_value(paid_usd ignore nulls) over (
            partition by item_id, location_id order by date rows between unbounded preceding and 1 preceding
        ) as price
    from observed
    window item_location_days as (partition by item_id, location_id order by date)
)

select
    cast(lagged.item_id as integer) as item_id, cast(lagged.location_id as integer) as location_id, lagged.date, lagged.sales,
    lagged.lag_1_sales, lagged.lag_7_sales, lagged.lag_30_sales, lagged.rolling_mean_7days, lagged.moving_avg, lagged.diff_sales,
    cast(isodow(lagged.date) as integer) as day_of_week, cast(month(lagged.date) as integer) as month,
    cast(quarter(lagged.date) as integer) as quarter, lagged.is_holiday, lagged.price,
    case when lagged.promotion_event = 1 then lagged.discount else 0 end as discount,
    cast(lagged.promotion_event as integer) as promotion_event,
    weather.signal_value as weather, economic.signal_value as economic_indicator,
    nullif(products.category, 'Unknown') as product_category, nullif(locations.city, 'Unknown') as store_location,
    cast(lagged.promotion_event * isodow(lagged.date) as integer) as promotion_event_x_day_of_week,
    lagged.price * lagged.promotion_event as price_x_promotion_event,
    cast(lagged.is_holiday as integer) * cast(isodow(lagged.date) as integer) as is_holiday_x_day_of_week
from lagged
left join {{ ref("int_products") }} as products on lagged.item_id = products.item_id
left join {{ ref("int_locations") }} as locations on lagged.location_id = locations.location_id
asof left join weather on lagged.location_id = weather.location_id and lagged.date > weather.signal_date
asof left join economic on lagged.location_id = economic.location_id and lagged.date > economic.signal_date
