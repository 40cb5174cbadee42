{{ config(materialized="view") }}

-- what the search for the cheapest target reads; without a price or a cost there is nothing to weigh, and no row
-- sorted afterwards: `list(… order by …)` keeps so much per series that a chain's 231,000 do not fit into 4 GB
with levels as (
    select
        demand.item_id, demand.location_id, demand.as_of_date, demand.run_id,
        demand.horizon_days, demand.mean_units,
        list_sort(list(struct_pack(level := demand.quantile, units := demand.quantile_units))) as quantiles
    from {{ ref("stg_ml__lead_time_demand") }} as demand
    inner join {{ ref("rec_champion") }} as champions
        on demand.item_id = champions.item_id and demand.location_id = champions.location_id
        and demand.model = champions.champion_model
    group by all
),

demand as (
    select
        levels.item_id, levels.location_id, levels.as_of_date, levels.run_id, levels.horizon_days, levels.mean_units,
        list_transform(levels.quantiles, lambda quantile: quantile.level) as demand_levels,
        list_transform(levels.quantiles, lambda quantile: quantile.units) as demand_quantile_units
    from levels
)

select
    demand.run_id, demand.as_of_date, demand.item_id, demand.location_id, demand.horizon_days,
    cast(terms.review_period_days as double) as review_period_days,
    cast(coalesce(terms.sd_lead_time_days, 0) as double) as lead_time_deviation_days,
    demand.mean_units, demand.demand_levels, demand.demand_quantile_units,
    cast(items.holding_cost_usd / 7 as double) as holding_cost_usd,
    cast(items.shortage_cost_usd as double) as shortage_cost_usd,
    cast(policy.order_cost_usd_per_line as double) as order_cost_usd,
    cast(coalesce(terms.moq_units, 1) as double) as moq_units,
    cast(coalesce(terms.pack_units, 1) as double) as pack_units,
    cast(policy.max_cover_days as double) as max_cover_days
from demand
cross join {{ ref("int_policy") }} as policy
inner join {{ ref("int_item_location_terms") }} as terms
    on demand.item_id = terms.item_id and demand.location_id = terms.location_id
inner join {{ ref("ftr_item_locations") }} as items
    on demand.item_id = items.item_id and demand.location_id = items.location_id
where items.holding_cost_usd > 0 and items.shortage_cost_usd > 0
