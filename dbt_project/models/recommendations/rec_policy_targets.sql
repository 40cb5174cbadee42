-- which policy can be followed, and the probability whose quantile it asks for
with chosen as (
    select
        assigned.as_of_date, assigned.item_id, assigned.location_id, assigned.assigned_policy, assigned.cycle_service_level,
        assigned.fill_rate_level, items.unit_cost_usd, items.review_period_days,
        search.reorder_units as search_reorder_units, search.target_units as search_target_units,
        -- too much by one unit costs its holding until the next chance to order less
        case
            when items.shortage_cost_usd > 0 and items.holding_cost_usd > 0
                then items.shortage_cost_usd / (items.shortage_cost_usd + items.holding_cost_usd * items.review_period_days / 7)
        end as critical_ratio,
        normal.z_factor
    from {{ ref("rec_policy_assignment") }} as assigned
    inner join {{ ref("ftr_item_locations") }} as items
        on assigned.item_id = items.item_id and assigned.location_id = items.location_id
    left join {{ ref("stg_ml__order_targets") }} as search
        on assigned.item_id = search.item_id and assigned.location_id = search.location_id
    left join {{ ref("standard_normal") }} as normal
        on round(greatest(least(assigned.cycle_service_level, 0.999), 0.5), 3) = normal.cycle_service_level
),

followed as (
    select
        *,
        case
            when assigned_policy = 'least_cost' and search_reorder_units is not null then 'least_cost'
            when assigned_policy in ('least_cost', 'newsvendor') and critical_ratio is not null then 'newsvendor'
            when assigned_policy in ('least_cost', 'newsvendor') then 'quantile'
            when assigned_policy = 'fill_rate' and fill_rate_level is null then 'quantile'
            else assigned_policy
        end as policy,
        coalesce(nullif(concat_ws(
            '; ',
            case when assigned_policy = 'least_cost' and search_reorder_units is null then 'no least-cost target: newsvendor instead' end,
            case
                when
                    assigned_policy in ('least_cost', 'newsvendor') and critical_ratio is null
                    and (assigned_policy = 'newsvendor' or search_reorder_units is null)
                    then 'no margin or holding cost known: quantile at the service level instead'
            end,
            case
                when assigned_policy = 'fill_rate' and fill_rate_level is null
                    then 'no fill rate known: quantile at the service level instead'
            end
        ), ''), 'ok') as policy_reason
    from chosen
),

levelled as (
    select *, case when policy = 'newsvendor' then critical_ratio else cycle_service_level end as quantile_level
    from followed
),

-- the two published quantiles around that probability, two as far apart as tell the spread, and the two around the mean
bracketed as (
    select
        demand.as_of_date, demand.item_id, demand.location_id, demand.model, demand.run_id, demand.horizon_days, demand.mean_units,
        demand.mean_units / nullif(demand.horizon_days, 0) as daily_units,
        max(demand.quantile) filter (where demand.quantile <= levelled.quantile_level) as lower_quantile,
        min(demand.quantile) filter (where demand.quantile > levelled.quantile_level) as upper_quantile,
        -- quantiles rise with their level, so the nearest below is the largest and the nearest above the smallest
        max(demand.quantile_units) filter (where demand.quantile <= levelled.quantile_level) as lower_units,
        min(demand.quantile_units) filter (where demand.quantile > levelled.quantile_level) as upper_units,
        max(demand.fixed_lead_time_units) filter (where demand.quantile <= levelled.quantile_level) as lower_fixed_units,
        min(demand.fixed_lead_time_units) filter (where demand.quantile > levelled.quantile_level) as upper_fixed_units,
        any_value(demand.quantile_units) filter (where demand.quantile = 0.05) as p05_units,
        any_value(demand.quantile_units) filter (where demand.quantile = 0.95) as p95_units,
        any_value(demand.fixed_lead_time_units) filter (where demand.quantile = 0.95)
        - any_value(demand.fixed_lead_time_units) filter (where demand.quantile = 0.05) as fixed_spread_units,
        max(demand.quantile) filter (where demand.quantile_units <= demand.mean_units) as below_mean_quantile,
        max(demand.quantile_units) filter (where demand.quantile_units <= demand.mean_units) as below_mean_units,
        min(demand.quantile) filter (where demand.quantile_units > demand.mean_units) as above_mean_quantile,
        min(demand.quantile_units) filter (where demand.quantile_units > demand.mean_units) as above_mean_units
    from {{ ref("stg_ml__lead_time_demand") }} as demand
    inner join {{ ref("rec_champion") }} as champions
        on demand.item_id = champions.item_id and demand.location_id = champions.location_id
        and demand.model = champions.champion_model
    inner join levelled on demand.item_id = levelled.item_id and demand.location_id = levelled.location_id
    group by all
),

-- outside the published quantiles the nearest one stands
measured as (
    select
        bracketed.as_of_date, bracketed.item_id, bracketed.location_id, bracketed.model, bracketed.horizon_days, bracketed.mean_units,
        bracketed.run_id, levelled.assigned_policy, levelled.policy, levelled.policy_reason, levelled.cycle_service_level,
        levelled.quantile_level, levelled.critical_ratio, levelled.fill_rate_level, levelled.z_factor, levelled.unit_cost_usd,
        levelled.search_reorder_units, levelled.search_target_units,
        {% for kind in ["", "fixed_"] -%}
        coalesce(
            lower_{{ kind }}units
            + (quantile_level - lower_quantile) / (upper_quantile - lower_quantile) * (upper_{{ kind }}units - lower_{{ kind }}units),
            lower_{{ kind }}units, upper_{{ kind }}units
        ) as {{ kind }}quantile_units,
        {% endfor -%}
        bracketed.p05_units, bracketed.p95_units,
        coalesce((bracketed.p95_units - bracketed.p05_units) / (2 * spread.z_factor), 0) as demand_sd_units,
        bracketed.fixed_spread_units / (2 * spread.z_factor) as fixed_lead_time_sd_units,
        coalesce(
            below_mean_quantile
            + (mean_units - below_mean_units) / (above_mean_units - below_mean_units) * (above_mean_quantile - below_mean_quantile),
            below_mean_quantile, above_mean_quantile
        ) as mean_service_level,
        -- what one cycle sells: the batch, or where that is smaller the demand between two chances to order; one unit at least
        greatest(
            1,
            least(
                {{ economic_order_quantity("policy.order_cost_usd_per_line", "365 * bracketed.daily_units", "policy.holding_cost_rate_per_year * levelled.unit_cost_usd") }},
                bracketed.daily_units * policy.max_cover_days
            ),
            bracketed.daily_units * levelled.review_period_days
        ) as cycle_units
    from bracketed
    inner join levelled on bracketed.item_id = levelled.item_id and bracketed.location_id = levelled.location_id
    cross join {{ ref("int_policy") }} as policy
    cross join (select z_factor from {{ ref("standard_normal") }} where cycle_service_level = 0.95) as spread
),

losses as (
    select k_factor, normal_loss, lag(normal_loss) over (order by k_factor) as loss_before
    from {{ ref("standard_normal_loss") }}
),

-- the loss asked for: G(k) = (1 - fill rate) Q / sd
asked as (
    select *, (1 - fill_rate_level) * cycle_units / nullif(demand_sd_units, 0) as asked_loss
    from measured
),

-- the nearest k of the table with that loss or less, and the line to the one before; without a deviation k changes nothing
solved as (
    select
        asked.*,
        case
            -- far below the mean all of the missing is short: G(k) = -k
            when asked.asked_loss > 3 then -asked.asked_loss
            else coalesce(
                losses.k_factor - 0.01 * (asked.asked_loss - losses.normal_loss) / (losses.loss_before - losses.normal_loss),
                losses.k_factor, 4
            )
        end as fill_rate_k_factor
    from asked
    asof left join losses on asked.asked_loss >= losses.normal_loss
),

-- nobody can need less than nothing
levels as (
    select
        *,
        greatest(case policy
            when 'least_cost' then search_reorder_units
            when 'just_in_time' then mean_units
            when 'eoq_sq' then mean_units + z_factor * demand_sd_units
            when 'fill_rate' then mean_units + fill_rate_k_factor * demand_sd_units
            else quantile_units
        end, 0) as reorder_units
    from solved
)

select
    as_of_date, item_id, location_id, model, assigned_policy, policy, policy_reason,
    case policy
        when 'eoq_sq' then 'multiples'
        when 'rss' then 'above'
        when 'base_stock' then 'none'
        when 'just_in_time' then 'none'
        when 'least_cost' then 'none'
        else 'at least'
    end as batch_rule,
    cycle_service_level, critical_ratio, fill_rate_level, horizon_days, mean_units, p05_units, p95_units,
    demand_sd_units, reorder_units,
    case when policy = 'least_cost' then greatest(search_target_units, reorder_units) else reorder_units end as target_units,
    -- a quantile is asked for twice; what is no quantile is split as the deviations are
    case
        when policy in ('quantile', 'newsvendor', 'rss', 'base_stock') then fixed_quantile_units
        else mean_units + (reorder_units - mean_units) * least(fixed_lead_time_sd_units / nullif(demand_sd_units, 0), 1)
    end as fixed_lead_time_target_units,
    cast(
        (case when policy = 'just_in_time' then quantile_units else reorder_units end - mean_units) * unit_cost_usd as decimal(18, 2)
    ) as just_in_time_freed_usd,
    mean_service_level as just_in_time_service_level,
    greatest(cycle_service_level - mean_service_level, 0) as just_in_time_risk_share,
    run_id
from levels
