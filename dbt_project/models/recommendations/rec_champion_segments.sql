-- per segment, each model against the one in use, series by series: on the cost of the orders it leads to
with metrics as (
    select metrics.*, series.abc_class, series.demand_pattern
    from {{ ref("stg_ml__series_metrics") }} as metrics
    inner join {{ ref("ftr_item_locations") }} as series
        on metrics.item_id = series.item_id and metrics.location_id = series.location_id
),

models as (
    select
        abc_class, demand_pattern, model, max(as_of_date) as as_of_date, max(run_id) as run_id,
        count(*) as series, count(pinball_units) as scored_series, count(decision_cost_usd) as costed_series,
        {{ exact_sum("decision_cost_usd") }} / nullif(count(decision_cost_usd), 0) as mean_decision_cost_usd,
        {{ exact_sum("pinball_units") }} / nullif(count(pinball_units), 0) as mean_pinball_units
    from metrics
    group by abc_class, demand_pattern, model
),

incumbents as (
    select
        abc_class, demand_pattern,
        arg_min(model, (case model when 'ensemble' then 1 when 'moving_average' then 2 else 3 end, -series, model)) as incumbent_model
    from models
    group by abc_class, demand_pattern
),

-- what the comparison rests on: money where the incumbent's is known for enough series, else the loss the quantiles are made by
based as (
    select
        incumbents.*, policy.champion_standard_errors, policy.champion_min_series,
        case when models.costed_series >= policy.champion_min_series then 'decision cost' else 'pinball loss' end as basis
    from incumbents
    inner join models
        on incumbents.abc_class = models.abc_class and incumbents.demand_pattern = models.demand_pattern
        and incumbents.incumbent_model = models.model
    cross join {{ ref("int_policy") }} as policy
),

pairs as (
    select
        metrics.abc_class, metrics.demand_pattern, metrics.model,
        cast(case
            when based.basis = 'decision cost' then metrics.decision_cost_usd - own.decision_cost_usd
            else metrics.pinball_units - own.pinball_units
        end as decimal(18, 6)) as difference
    from metrics
    inner join based on metrics.abc_class = based.abc_class and metrics.demand_pattern = based.demand_pattern
    inner join metrics as own
        on metrics.item_id = own.item_id and metrics.location_id = own.location_id and based.incumbent_model = own.model
),

-- exact sums, so that the same scores give the same champion
sums as (
    select
        abc_class, demand_pattern, model, count(difference) as paired_series, sum(difference) as difference_sum,
        sum(cast(difference as decimal(19, 6)) * cast(difference as decimal(19, 6))) as squared_difference_sum
    from pairs
    group by abc_class, demand_pattern, model
),

compared as (
    select
        *,
        round(cast(difference_sum as double) / nullif(paired_series, 0), 6) as mean_difference,
        case when paired_series > 1 then round(sqrt(
            greatest(cast(squared_difference_sum as double) - power(cast(difference_sum as double), 2) / paired_series, 0)
            / (paired_series - 1) / paired_series
        ), 6) end as standard_error
    from sums
),

judged as (
    select
        models.*, based.incumbent_model, based.basis, based.champion_standard_errors, based.champion_min_series,
        compared.paired_series, compared.mean_difference, compared.standard_error,
        models.model <> based.incumbent_model and compared.paired_series >= based.champion_min_series
        and coalesce(compared.mean_difference < -based.champion_standard_errors * compared.standard_error, false) as is_winner
    from models
    inner join based on models.abc_class = based.abc_class and models.demand_pattern = based.demand_pattern
    inner join compared
        on models.abc_class = compared.abc_class and models.demand_pattern = compared.demand_pattern and models.model = compared.model
),

ranked as (
    select
        *,
        row_number() over (
            partition by abc_class, demand_pattern
            order by is_winner desc, case when is_winner then mean_difference end, model <> incumbent_model, model
        ) = 1 as is_champion
    from judged
)

select
    ranked.as_of_date, ranked.abc_class, ranked.demand_pattern, ranked.model, ranked.is_champion, ranked.incumbent_model, ranked.basis,
    cast(ranked.series as integer) as series, cast(ranked.paired_series as integer) as paired_series,
    ranked.mean_decision_cost_usd, ranked.mean_pinball_units, ranked.mean_difference, ranked.standard_error,
    metrics.wape, metrics.bias_units, metrics.scaled_pinball, metrics.coverage_80,
    case
        when ranked.is_champion and ranked.model = ranked.incumbent_model then 'incumbent: no challenger is better by more than noise'
        when ranked.is_champion then 'better than the incumbent by more than noise'
        when ranked.model = ranked.incumbent_model then 'incumbent: beaten by more than noise'
        when ranked.is_winner then 'better than the incumbent by more than noise, but another saves more'
        when ranked.paired_series < ranked.champion_min_series then 'too few series to compare'
        when ranked.mean_difference < 0 then 'better than the incumbent, but within noise'
        else 'not better than the incumbent'
    end as reason,
    ranked.run_id
from ranked
left join {{ ref("stg_ml__model_metrics") }} as metrics
    on ranked.abc_class = metrics.abc_class and ranked.demand_pattern = metrics.demand_pattern and ranked.model = metrics.model
