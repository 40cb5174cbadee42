-- forecasts of earlier days whose weeks are over
with forecasts as (
    select as_of_date, item_id, location_id, model, week_start_date, mean_units, p10_units, p50_units, p90_units
    from {{ ref("stg_ml__past_demand_forecasts") }}
    where week_start_date + 6 <= {{ as_of() }}
),

-- their weeks need not be those counted back from today
week_days as (
    select week_start_date, week_start_date + cast(unnest(range(7)) as integer) as sale_date
    from (select distinct week_start_date from forecasts)
),

sold_weeks as (
    select
        ledger.item_id, ledger.location_id, week_days.week_start_date,
        cast(sum(cast(ledger.sold_units as double)) as bigint) as sold_units
    from {{ ref("int_stock_ledger") }} as ledger
    inner join week_days on ledger.inventory_date = week_days.sale_date
    where ledger.sold_units > 0
    group by ledger.item_id, ledger.location_id, week_days.week_start_date
),

-- weeks counted back from today with a stock-out, or in which the item was dropped: what touches one of them says little about demand
empty_weeks as (
    select item_id, location_id, week_start_date from {{ ref("int_demand_weekly") }} where stock_out_days > 0 or not is_carried
),

classes as (
    select item_id, location_id, abc_class from {{ ref("int_item_location_terms") }}
),

weeks as (
    select
        forecasts.*, classes.abc_class, coalesce(sold.sold_units, 0) as sold_units,
        first_days.item_id is null and last_days.item_id is null as is_in_stock
    from forecasts
    inner join classes on forecasts.item_id = classes.item_id and forecasts.location_id = classes.location_id
    left join sold_weeks as sold
        on forecasts.item_id = sold.item_id and forecasts.location_id = sold.location_id
        and forecasts.week_start_date = sold.week_start_date
    left join empty_weeks as first_days
        on forecasts.item_id = first_days.item_id and forecasts.location_id = first_days.location_id
        and forecasts.week_start_date between first_days.week_start_date and first_days.week_start_date + 6
    left join empty_weeks as last_days
        on forecasts.item_id = last_days.item_id and forecasts.location_id = last_days.location_id
        and forecasts.week_start_date + 6 between last_days.week_start_date and last_days.week_start_date + 6
),

week_scores as (
    {% for class in ["abc_class", "'all'"] -%}
    select
        as_of_date, model, {{ class }} as abc_class,
        count(*) filter (where is_in_stock) as scored_weeks,
        count(*) filter (where not is_in_stock) as stock_out_weeks,
        count(distinct case when is_in_stock then item_id || '/' || location_id end) as series,
        cast(sum(sold_units) filter (where is_in_stock) as bigint) as sold_units,
        {{ exact_sum("case when is_in_stock then mean_units - sold_units end") }} as error_units,
        {{ exact_sum("case when is_in_stock then abs(mean_units - sold_units) end") }} as absolute_error_units,
        count(*) filter (where is_in_stock and sold_units between p10_units and p90_units) as covered_weeks
    from weeks
    group by as_of_date, model{{ ", abc_class" if loop.first }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- the interval of whole days nearest to the mean one
quantiles as (
    select as_of_date, item_id, location_id, model, quantile, quantile_units, cast(round(horizon_days) as integer) as days
    from {{ ref("stg_ml__past_lead_time_demand") }}
    where as_of_date + cast(round(horizon_days) as integer) <= {{ as_of() }}
),

intervals as (
    select distinct as_of_date, item_id, location_id, days from quantiles
),

sold_intervals as (
    select
        intervals.as_of_date, intervals.item_id, intervals.location_id, intervals.days,
        cast(sum(cast(ledger.sold_units as double)) as bigint) as sold_units
    from intervals
    inner join {{ ref("int_stock_ledger") }} as ledger
        on intervals.item_id = ledger.item_id and intervals.location_id = ledger.location_id
        and ledger.inventory_date > intervals.as_of_date and ledger.inventory_date <= intervals.as_of_date + intervals.days
    where ledger.sold_units > 0
    group by intervals.as_of_date, intervals.item_id, intervals.location_id, intervals.days
),

empty_intervals as (
    select distinct intervals.as_of_date, intervals.item_id, intervals.location_id, intervals.days
    from intervals
    inner join empty_weeks
        on intervals.item_id = empty_weeks.item_id and intervals.location_id = empty_weeks.location_id
        and empty_weeks.week_start_date <= intervals.as_of_date + intervals.days
        and empty_weeks.week_start_date + 6 > intervals.as_of_date
),

losses as (
    select
        quantiles.as_of_date, quantiles.item_id, quantiles.location_id, quantiles.model, classes.abc_class,
        max(coalesce(sold.sold_units, 0)) as sold_units,
        {{ exact_sum(
            "(coalesce(sold.sold_units, 0) - quantile_units)"
            ~ " * (quantile - case when coalesce(sold.sold_units, 0) < quantile_units then 1 else 0 end)"
        ) }} / count(*) as pinball_units,
        max(quantile_units) filter (where quantile <= 0.1) <= max(coalesce(sold.sold_units, 0))
        and max(coalesce(sold.sold_units, 0)) <= min(quantile_units) filter (where quantile >= 0.9) as is_covered
    from quantiles
    inner join classes on quantiles.item_id = classes.item_id and quantiles.location_id = classes.location_id
    left join sold_intervals as sold
        on quantiles.as_of_date = sold.as_of_date and quantiles.item_id = sold.item_id
        and quantiles.location_id = sold.location_id and quantiles.days = sold.days
    left join empty_intervals as empty
        on quantiles.as_of_date = empty.as_of_date and quantiles.item_id = empty.item_id
        and quantiles.location_id = empty.location_id and quantiles.days = empty.days
    where empty.item_id is null
    group by quantiles.as_of_date, quantiles.item_id, quantiles.location_id, quantiles.model, classes.abc_class
),

interval_scores as (
    {% for class in ["abc_class", "'all'"] -%}
    select
        as_of_date, model, {{ class }} as abc_class,
        count(*) as scored_intervals,
        cast(sum(sold_units) as bigint) as sold_units,
        {{ exact_sum("pinball_units") }} as pinball_units,
        count(*) filter (where is_covered) as covered_intervals
    from losses
    group by as_of_date, model{{ ", abc_class" if loop.first }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    weeks.as_of_date, weeks.model, weeks.abc_class,
    cast(weeks.series as integer) as series,
    cast(weeks.scored_weeks as bigint) as scored_weeks,
    cast(weeks.stock_out_weeks as bigint) as stock_out_weeks,
    weeks.sold_units,
    weeks.absolute_error_units / nullif(weeks.sold_units, 0) as wape,
    weeks.error_units / nullif(weeks.scored_weeks, 0) as bias_units,
    weeks.error_units / nullif(weeks.sold_units, 0) as bias_share,
    weeks.covered_weeks / nullif(weeks.scored_weeks, 0) as coverage_80,
    cast(coalesce(intervals.scored_intervals, 0) as bigint) as scored_intervals,
    intervals.pinball_units / nullif(intervals.scored_intervals, 0) as interval_pinball_units,
    intervals.pinball_units / nullif(intervals.sold_units, 0) as interval_scaled_pinball,
    intervals.covered_intervals / nullif(intervals.scored_intervals, 0) as interval_coverage_80
from week_scores as weeks
left join interval_scores as intervals
    on weeks.as_of_date = intervals.as_of_date and weeks.model = intervals.model and weeks.abc_class = intervals.abc_class
