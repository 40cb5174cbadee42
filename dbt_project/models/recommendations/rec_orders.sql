with adjustments as (
    select
        item_id, location_id, cast(sum(adjustment_units) as integer) as adjustment_units,
        string_agg(reason, '; ' order by adjustment) as adjustment_reason
    from {{ ref("stg_ml__order_adjustments") }}
    group by item_id, location_id
),

-- a person's word stands beside the model's value, never in its place
decided as (
    select
        terms.* exclude (order_units), terms.order_units as model_order_units,
        coalesce(adjustments.adjustment_units, 0) as adjustment_units, adjustments.adjustment_reason,
        overrides.override_order_units, overrides.override_reason, overrides.override_role,
        cast(coalesce(overrides.override_order_units, terms.order_units + coalesce(adjustments.adjustment_units, 0)) as integer) as order_units
    from {{ ref("rec_order_terms") }} as terms
    left join adjustments on terms.item_id = adjustments.item_id and terms.location_id = adjustments.location_id
    left join {{ ref("int_order_overrides") }} as overrides
        on terms.item_id = overrides.item_id and terms.location_id = overrides.location_id
)

select
    decided.as_of_date, item_id, location_id, vendor_id, abc_class, decided.model, policy, cycle_service_level, horizon_days,
    demand_units, demand_safety_stock_units, lead_time_safety_stock_units,
    cast(demand_safety_stock_units + lead_time_safety_stock_units as decimal(18, 4)) as safety_stock_units,
    override_shift_units, reorder_point_units, order_up_to_units, on_hand_units, usable_on_hand_units, on_order_units, backorder_units,
    inventory_position_units, need_units, economic_order_units, moq_units, pack_units, model_order_units, adjustment_units, override_order_units, order_units,
    cast(order_units * unit_cost_usd as decimal(18, 2)) as order_usd,
    -- how long stock AND open orders last at the expected demand, in days from the as-of day
    case when daily_demand_units > 0 then inventory_position_units / daily_demand_units end as cover_days,
    concat_ws(
        '; ',
        case when override_order_units is not null then 'a person (' || override_role || ') orders it so: ' || override_reason end,
        adjustment_reason,
        case
            when reorder_point_units is null then 'no target: nothing can be decided'
            when is_dormant then 'not bought for long and nothing there: taken for dropped'
            when demand_units = 0 and model_order_units = 0 then 'no demand expected'
            when model_order_units is null then 'stock is not known: only the target level is given'
            -- needed and not ordered: the terms say why
            when model_order_units = 0 and need_units > 0 then null
            when model_order_units = 0 then 'stock and open orders reach beyond the next chance to order'
            when usable_on_hand_units = 0 and on_order_units = 0 then 'out of stock and nothing on order'
            when usable_on_hand_units = 0 then 'out of stock and the open orders are not enough'
            else 'position below the reorder point'
        end,
        -- what the inputs lack matters where something is decided
        case when model_order_units is not null then nullif(regexp_replace(
            order_reason, '^(ordered|nothing needed|no target[^;]*|stock is not known[^;]*|not bought[^;]*)(; |$)', ''
        ), '') end
    ) as reason,
    decided.run_id, runs.data_hash, runs.code_hash, runs.seed
from decided
left join {{ ref("stg_ml__model_runs") }} as runs on decided.run_id = runs.run_id and decided.model = runs.model
