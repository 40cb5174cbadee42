{{ config(materialized="view") }}

-- the champion's distribution of demand over the protection interval, as the orders are made from it
-- sorted afterwards: `list(… order by …)` keeps so much per series that a chain's 231,000 do not fit into 4 GB
with levels as (
    select
        demand.item_id, demand.location_id,
        list_sort(list(struct_pack(level := demand.quantile, units := demand.quantile_units))) as quantiles
    from {{ ref("stg_ml__lead_time_demand") }} as demand
    inner join {{ ref("rec_champion") }} as champions
        on demand.item_id = champions.item_id and demand.location_id = champions.location_id
        and demand.model = champions.champion_model
    group by demand.item_id, demand.location_id
),

demand as (
    select
        levels.item_id, levels.location_id,
        list_transform(levels.quantiles, lambda quantile: quantile.level) as demand_levels,
        list_transform(levels.quantiles, lambda quantile: quantile.units) as demand_quantile_units
    from levels
),

minimums as (
    select vendor_id, cast(max(minimum_order_usd) as double) as minimum_order_usd
    from {{ ref("int_vendor_terms") }}
    where minimum_order_usd > 0
    group by vendor_id
),

-- where a table says two things of one day, the narrower limit holds
budgets as (
    select scope, coalesce(scope_key, '') as scope_key, min(budget_usd) as budget_usd
    from {{ ref("order_budgets") }}
    where {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
    group by all
),

-- what was exported for the day is paid from the day's money, whether or not the purchase file shows it by now
exported as (
    select
        exports.vendor_id, terms.abc_class, cast(exports.exported_units * exports.unit_cost_usd as decimal(18, 4)) as goods_usd
    from {{ ref("int_exported_orders") }} as exports
    left join {{ ref("rec_order_terms") }} as terms on exports.item_id = terms.item_id and exports.location_id = terms.location_id
    where exports.order_date = {{ as_of() }}
),

exported_in_all as (
    select coalesce(sum(goods_usd), 0) as goods_usd from exported
),

exported_by_vendor as (
    select vendor_id, sum(goods_usd) as goods_usd from exported group by vendor_id
),

exported_by_class as (
    select abc_class, sum(goods_usd) as goods_usd from exported group by abc_class
),

storage as (
    select location_id, min(capacity_units) as capacity_units, min(capacity_litres) as capacity_litres
    from {{ ref("location_storage") }}
    where {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
    group by location_id
),

order_days as (
    select vendor_id, order_weekdays, every_days, first_order_date
    from {{ ref("vendor_order_days") }}
    where {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
    qualify row_number() over (partition by vendor_id order by valid_from desc, order_weekdays, every_days, first_order_date) = 1
)

select
    terms.as_of_date, terms.item_id, terms.location_id, terms.vendor_id, terms.abc_class, terms.order_units,
    overrides.override_order_units,
    cast(terms.need_units as double) as need_units, cast(coalesce(terms.reorder_point_units, 0) as double) as reorder_point_units,
    -- of what nothing can be decided, nothing is given away or filled up
    case when terms.order_units is not null then cast(floor(terms.inventory_position_units) as integer) end as inventory_position_units,
    cast(floor(terms.usable_on_hand_units) as integer) as usable_on_hand_units,
    -- room is taken by what cannot be sold as well; books below zero take none
    cast(greatest(coalesce(terms.on_hand_units, 0), 0) + coalesce(terms.on_order_units, 0) as double) as stored_units,
    terms.moq_units, terms.pack_units, cast(terms.unit_cost_usd as double) as unit_cost_usd,
    coalesce(series.holding_cost_usd, 0) * coalesce(terms.horizon_days, 0) / 7 as holding_cost_usd, series.shortage_cost_usd,
    coalesce(terms.daily_demand_units, 0) as daily_demand_units, terms.max_cover_days,
    cast(least(terms.max_stock_room_units, terms.shelf_life_room_units) as double) as room_units, terms.is_dormant,
    coalesce(demand.demand_levels, []) as demand_levels,
    coalesce(
        list_transform(demand.demand_quantile_units, lambda units: greatest(units + cast(terms.override_shift_units as double), 0)), []
    ) as demand_quantile_units,
    cast(products.volume_ml as double) as unit_volume_ml,
    minimums.minimum_order_usd,
    order_days.order_weekdays, order_days.every_days as order_every_days, order_days.first_order_date,
    total_budgets.budget_usd as total_budget_usd, vendor_budgets.budget_usd as vendor_budget_usd, class_budgets.budget_usd as class_budget_usd,
    cast(exported_in_all.goods_usd as double) as total_exported_usd,
    cast(coalesce(exported_by_vendor.goods_usd, 0) as double) as vendor_exported_usd,
    cast(coalesce(exported_by_class.goods_usd, 0) as double) as class_exported_usd,
    storage.capacity_units as storage_capacity_units, storage.capacity_litres as storage_capacity_litres,
    terms.holding_cost_rate_per_year, terms.order_cost_usd_per_line,
    policy.transfer_cost_usd_per_line, policy.transfer_cost_usd_per_unit, policy.transfer_cover_days
from {{ ref("rec_order_terms") }} as terms
cross join {{ ref("int_policy") }} as policy
cross join exported_in_all
inner join {{ ref("int_products") }} as products on terms.item_id = products.item_id
left join {{ ref("ftr_item_locations") }} as series on terms.item_id = series.item_id and terms.location_id = series.location_id
left join demand on terms.item_id = demand.item_id and terms.location_id = demand.location_id
left join {{ ref("int_order_overrides") }} as overrides
    on terms.item_id = overrides.item_id and terms.location_id = overrides.location_id
left join minimums on terms.vendor_id = minimums.vendor_id
left join order_days on terms.vendor_id = order_days.vendor_id
left join exported_by_vendor on terms.vendor_id = exported_by_vendor.vendor_id
left join exported_by_class on terms.abc_class = exported_by_class.abc_class
left join storage on terms.location_id = storage.location_id
left join budgets as total_budgets on total_budgets.scope = 'total'
left join budgets as vendor_budgets on vendor_budgets.scope = 'vendor' and cast(terms.vendor_id as varchar) = vendor_budgets.scope_key
left join budgets as class_budgets on class_budgets.scope = 'class' and terms.abc_class = class_budgets.scope_key
