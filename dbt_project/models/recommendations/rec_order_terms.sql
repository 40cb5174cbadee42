-- every quantity an order is made of, rounded to 4 digits once, so that the terms add up to the order exactly;
-- ml/replenishment/orders.py does the same arithmetic in Python, and a test holds the two together;
-- greatest and least pass over what is null
with joined as (
    select
        position.as_of_date, position.item_id, position.location_id, terms.vendor_id, terms.abc_class, targets.model,
        targets.policy, targets.policy_reason, targets.batch_rule,
        targets.cycle_service_level, targets.horizon_days, terms.unit_cost_usd,
        greatest(terms.moq_units, 0) as moq_units,
        greatest(terms.pack_units, 1) as pack_units,
        terms.max_stock_units, case when terms.max_stock_units is not null then greatest(terms.max_stock_units, 0) end as stock_limit_units,
        case when terms.shelf_life_days > 0 then terms.shelf_life_days end as shelf_life_days,
        targets.run_id, position.on_hand_units,
        case
            when position.usable_on_hand_units is not null then cast(greatest(position.usable_on_hand_units, 0) as decimal(18, 4))
        end as usable_on_hand_units,
        coalesce(position.quarantined_units, 0) as quarantined_units,
        cast(coalesce(position.expected_defective_units, 0) as decimal(18, 4)) as expected_defective_units,
        position.on_order_units, cast(coalesce(position.on_order_defective_units, 0) as decimal(18, 4)) as on_order_defective_units,
        coalesce(position.backorder_units, 0) as backorder_units,
        least(greatest(position.defect_share, 0), 0.9) as defect_share,
        coalesce(position.is_dormant, false) as is_dormant,
        cast(targets.mean_units as decimal(18, 4)) as demand_units,
        cast(targets.fixed_lead_time_target_units as decimal(18, 4)) - cast(targets.mean_units as decimal(18, 4)) as demand_safety_stock_units,
        cast(targets.reorder_units as decimal(18, 4)) - cast(targets.fixed_lead_time_target_units as decimal(18, 4))
            as lead_time_safety_stock_units,
        cast(coalesce(targets.override_shift_units, 0) as decimal(18, 4)) as override_shift_units,
        cast(targets.target_units as decimal(18, 4)) - cast(targets.reorder_units as decimal(18, 4)) as target_gap_units,
        case
            when targets.horizon_days > 0 and targets.mean_units is not null
                then cast(greatest(targets.mean_units + coalesce(targets.override_shift_units, 0), 0) / targets.horizon_days as double)
        end as daily_demand_units,
        greatest(terms.mean_lead_time_days, 0) as mean_lead_time_days,
        policy.order_cost_usd_per_line, policy.holding_cost_rate_per_year, policy.max_cover_days,
        concat_ws(
            '; ',
            case when position.on_hand_units < 0 or position.usable_on_hand_units < 0 then 'books below zero: taken for none' end,
            case when coalesce(targets.horizon_days, 0) <= 0 then 'lead time unknown: no economic batch, no limit by shelf life' end,
            case
                when targets.batch_rule in ('at least', 'multiples', 'above') and coalesce(terms.unit_cost_usd, 0) <= 0
                    then 'cost unknown: no economic batch'
            end,
            case when coalesce(terms.pack_units, 0) < 1 then 'pack unknown: single units' end,
            case when coalesce(terms.moq_units < 0, true) then 'minimum order unknown: none' end,
            case when terms.max_stock_units < 0 then 'max stock below zero: taken for none' end,
            case when terms.shelf_life_days <= 0 then 'shelf life not above zero: not used' end
        ) as input_reason
    from {{ ref("rec_inventory_position") }} as position
    inner join {{ ref("int_item_location_terms") }} as terms
        on position.item_id = terms.item_id and position.location_id = terms.location_id
    inner join {{ ref("rec_order_targets") }} as targets
        on position.item_id = targets.item_id and position.location_id = targets.location_id
    cross join {{ ref("int_policy") }} as policy
),

priced as (
    select
        *,
        cast(usable_on_hand_units + on_order_units - on_order_defective_units - backorder_units as decimal(18, 4))
            as inventory_position_units,
        cast(demand_units + demand_safety_stock_units + lead_time_safety_stock_units + override_shift_units as decimal(18, 4))
            as reorder_point_units,
        {{ economic_order_quantity("order_cost_usd_per_line", "365 * daily_demand_units", "holding_cost_rate_per_year * greatest(unit_cost_usd, 0)") }}
            as economic_order_units
    from joined
),

levelled as (
    select
        *,
        cast(least(economic_order_units, daily_demand_units * max_cover_days) as decimal(18, 4)) as economic_batch_units,
        cast(
            reorder_point_units + case
                when batch_rule = 'above' then cast(least(economic_order_units, daily_demand_units * max_cover_days) as decimal(18, 4))
                else greatest(target_gap_units, 0)
            end
            as decimal(18, 4)
        ) as order_up_to_units
    from priced
),

needed as (
    select
        *,
        cast(order_up_to_units - inventory_position_units as decimal(18, 4)) as need_units,
        inventory_position_units <= reorder_point_units as is_reorder_level_reached,
        stock_limit_units - inventory_position_units as max_stock_room_units,
        -- what is left when the order arrives is sold first
        case
            when inventory_position_units is not null
                then cast(
                    daily_demand_units * shelf_life_days
                    - greatest(inventory_position_units - daily_demand_units * mean_lead_time_days, 0)
                    as decimal(18, 4)
                )
        end as shelf_life_room_units
    from levelled
),

-- order = need / yield: what comes defective does not meet the need
grossed as (
    select
        *,
        case
            when need_units > 0 then cast(cast(need_units as double) / (1 - defect_share) as decimal(18, 4))
            else need_units
        end as gross_need_units
    from needed
),

-- neither batch nor minimum nor pack ever causes an order: they only shape one that is needed; of an unknown need nothing follows
batched as (
    select
        *,
        case
            when need_units is null then null
            when need_units <= 0 or is_dormant or not is_reorder_level_reached then 0
            when batch_rule = 'at least' then greatest(gross_need_units, economic_batch_units)
            -- whole batches: counted in ten-thousandths, where division is exact
            when batch_rule = 'multiples' and economic_batch_units > 0
                then (
                    (cast(gross_need_units * 10000 as bigint) + cast(economic_batch_units * 10000 as bigint) - 1)
                    // cast(economic_batch_units * 10000 as bigint)
                ) * economic_batch_units
            else gross_need_units
        end as wanted_units
    from grossed
),

packed as (
    select
        *,
        cast(wanted_units as decimal(18, 4)) as batch_units,
        cast(case when wanted_units > 0 then greatest(wanted_units, moq_units) when wanted_units = 0 then 0 end as decimal(18, 4))
            as minimum_units,
        cast(case
            when wanted_units > 0 then ceil(greatest(wanted_units, moq_units) / pack_units) * pack_units
            when wanted_units = 0 then 0
        end as integer) as packed_units
    from batched
),

-- a cap rounds down to whole packs; where less than the minimum fits, nothing is ordered
capped as (
    select
        *,
        case
            when packed_units > max_stock_room_units then {{ whole_packs_within("max_stock_room_units") }}
            else packed_units
        end as max_stock_capped_units
    from packed
),

decided as (
    select
        *,
        -- just below the reorder level when the largest order is placed; where nothing is expected to sell, nothing is
        cast(ceil(reorder_point_units) as integer) + case
            when daily_demand_units > 0
                then cast(
                    ceil(greatest(
                        order_up_to_units - reorder_point_units, case when batch_rule <> 'none' then economic_batch_units end, moq_units
                    ) / pack_units) * pack_units
                    as integer
                )
            else 0
        end as unlimited_position_units,
        cast(case
            when max_stock_capped_units > shelf_life_room_units then {{ whole_packs_within("shelf_life_room_units") }}
            else max_stock_capped_units
        end as integer) as order_units
    from capped
)

select
    as_of_date, item_id, location_id, vendor_id, abc_class, model, policy, policy_reason, batch_rule,
    cycle_service_level, horizon_days, unit_cost_usd, moq_units, pack_units, max_stock_units, shelf_life_days, run_id,
    on_hand_units, quarantined_units, expected_defective_units, usable_on_hand_units, on_order_units, on_order_defective_units,
    backorder_units, inventory_position_units, defect_share, is_dormant,
    demand_units, demand_safety_stock_units, lead_time_safety_stock_units, override_shift_units, reorder_point_units,
    order_up_to_units,
    case when unlimited_position_units > stock_limit_units then stock_limit_units else unlimited_position_units end as full_position_units,
    daily_demand_units, order_cost_usd_per_line, holding_cost_rate_per_year, max_cover_days,
    need_units, gross_need_units, is_reorder_level_reached, economic_order_units, economic_batch_units, batch_units, minimum_units, packed_units,
    max_stock_room_units, shelf_life_room_units,
    cast(max_stock_capped_units - packed_units as integer) as max_stock_cut_units,
    cast(order_units - max_stock_capped_units as integer) as shelf_life_cut_units,
    order_units,
    concat_ws(
        '; ',
        case
            when reorder_point_units is null then 'no target: nothing can be decided'
            when inventory_position_units is null then 'stock is not known: only the target level is given'
            when is_dormant then 'not bought for long and nothing there: taken for dropped'
            when need_units <= 0 then 'nothing needed'
            when not is_reorder_level_reached then 'reorder level not reached'
            when order_units = packed_units then 'ordered'
            when order_units > 0 and max_stock_capped_units < packed_units and order_units < max_stock_capped_units
                then 'cut to max stock and to what the shelf life can sell'
            when order_units > 0 and max_stock_capped_units < packed_units then 'cut to max stock'
            when order_units > 0 then 'cut to what the shelf life can sell'
            when max_stock_capped_units < packed_units and moq_units > stock_limit_units
                then 'minimum order above max stock: nothing ordered'
            when max_stock_capped_units = 0 then 'no room for an order under max stock: nothing ordered'
            else 'an order would outlast the shelf life: nothing ordered'
        end,
        nullif(input_reason, '')
    ) as order_reason
from decided
