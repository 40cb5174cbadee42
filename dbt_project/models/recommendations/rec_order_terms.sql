-- every quantity an order is made of, rounded to 4 digits once, so that the terms add up to the order exactly
with joined as (
    select
        position.as_of_date, position.item_id, position.location_id, terms.vendor_id, terms.abc_class, targets.model,
        terms.cycle_service_level, targets.horizon_days, terms.unit_cost_usd, terms.moq_units, terms.pack_units, targets.run_id,
        position.on_hand_units, position.usable_on_hand_units, position.on_order_units, position.backorder_units,
        position.inventory_position_units, position.is_dormant,
        cast(targets.mean_units as decimal(18, 4)) as demand_units,
        cast(targets.fixed_lead_time_target_units as decimal(18, 4)) - cast(targets.mean_units as decimal(18, 4)) as demand_safety_stock_units,
        cast(targets.target_units as decimal(18, 4)) - cast(targets.fixed_lead_time_target_units as decimal(18, 4)) as lead_time_safety_stock_units,
        cast(targets.override_shift_units as decimal(18, 4)) as override_shift_units,
        cast(cast(targets.target_units as decimal(18, 4)) + cast(targets.override_shift_units as decimal(18, 4)) as decimal(18, 4))
            as reorder_point_units,
        cast(greatest(targets.mean_units + targets.override_shift_units, 0) / targets.horizon_days as double) as daily_demand_units,
        policy.order_cost_usd_per_line, policy.holding_cost_rate_per_year, policy.max_cover_days
    from {{ ref("rec_inventory_position") }} as position
    inner join {{ ref("int_item_location_terms") }} as terms
        on position.item_id = terms.item_id and position.location_id = terms.location_id
    inner join {{ ref("rec_order_targets") }} as targets
        on position.item_id = targets.item_id and position.location_id = targets.location_id
    cross join {{ ref("int_policy") }} as policy
),

needed as (
    select
        *,
        cast(reorder_point_units - usable_on_hand_units - on_order_units + backorder_units as decimal(18, 4)) as need_units,
        {{ economic_order_quantity("order_cost_usd_per_line", "365 * daily_demand_units", "holding_cost_rate_per_year * unit_cost_usd") }}
            as economic_order_units
    from joined
),

-- neither batch nor minimum nor pack ever causes an order: they only shape one that is needed; of an unknown need nothing follows
batched as (
    select
        *,
        case
            when need_units is null then null
            when need_units > 0 and not is_dormant
                then greatest(need_units, cast(least(economic_order_units, daily_demand_units * max_cover_days) as decimal(18, 4)))
            else 0
        end as batch_units
    from needed
)

select
    *,
    case when batch_units > 0 then greatest(batch_units, moq_units) when batch_units = 0 then 0 end as minimum_units,
    cast(case
        when batch_units > 0 then ceil(greatest(batch_units, moq_units) / pack_units) * pack_units
        when batch_units = 0 then 0
    end as integer) as order_units
from batched
