-- every kind estimates the money that is lost if nobody does anything, so that one list can be worked from the top
with items as (
    select
        terms.item_id, terms.location_id, terms.vendor_id, terms.usable_on_hand_units, terms.on_order_units, terms.order_units,
        terms.daily_demand_units, terms.full_position_units, terms.horizon_days, terms.holding_cost_rate_per_year,
        cast(terms.unit_cost_usd as double) as unit_cost_usd, economics.shortage_cost_usd as margin_usd,
        policies.mean_lead_time_days
    from {{ ref("rec_order_terms") }} as terms
    inner join {{ ref("ftr_item_locations") }} as economics
        on terms.item_id = economics.item_id and terms.location_id = economics.location_id
    inner join {{ ref("int_item_location_terms") }} as policies
        on terms.item_id = policies.item_id and terms.location_id = policies.location_id
    where not terms.is_dormant
),

-- an order that is too old to be believed in does not count, here as in the position
open_lines as (
    select
        arrivals.*, {{ as_of() }} - arrivals.order_date as age_days,
        arrivals.order_date >= {{ as_of() }} - cast(policy.open_order_max_age_days as integer) as is_believed
    from {{ ref("int_open_order_arrivals") }} as arrivals
    cross join {{ ref("int_policy") }} as policy
),

next_deliveries as (
    select item_id, location_id, min(expected_receipt_date) - {{ as_of() }} as next_delivery_days
    from open_lines
    where is_believed
    group by item_id, location_id
),

-- without a delivery on its way the first one comes a lead time after an order of today
run_outs as (
    select
        items.*, next_deliveries.next_delivery_days is not null as is_on_its_way,
        coalesce(next_deliveries.next_delivery_days, items.mean_lead_time_days) as delivery_days,
        items.usable_on_hand_units / nullif(items.daily_demand_units, 0) as lasting_days,
        items.daily_demand_units * coalesce(next_deliveries.next_delivery_days, items.mean_lead_time_days) - items.usable_on_hand_units
            as short_units
    from items
    left join next_deliveries on items.item_id = next_deliveries.item_id and items.location_id = next_deliveries.location_id
),

-- the day by which nine of ten of a vendor's units have come, whatever their age
usual_lead_times as (
    select vendor_id, min(lead_time_days) filter (where units_until >= 0.9 * units_in_all) as p90_lead_time_days
    from (
        select
            vendor_id, lead_time_days, sum(received_units) over (partition by vendor_id order by lead_time_days) as units_until,
            sum(received_units) over (partition by vendor_id) as units_in_all
        from {{ ref("int_expected_lead_times") }}
    )
    group by vendor_id
),

-- a line that is older than anything ever delivered is expected a lead time after it is ordered again
late_lines as (
    select
        lines.item_id, lines.location_id, lines.vendor_id, sum(lines.open_units) as late_units, count(*) as late_order_count,
        max(lines.age_days) as age_days, usual.p90_lead_time_days,
        min(coalesce(lines.expected_receipt_date - {{ as_of() }}, ceil(items.mean_lead_time_days))) as delivery_days,
        bool_and(lines.expected_receipt_date is null) as is_given_up,
        items.daily_demand_units, items.usable_on_hand_units, items.margin_usd
    from open_lines as lines
    inner join usual_lead_times as usual on coalesce(lines.vendor_id, 0) = usual.vendor_id
    inner join items on lines.item_id = items.item_id and lines.location_id = items.location_id
    where lines.age_days > usual.p90_lead_time_days
    group by all
),

receipts as (
    select
        vendor_id, purchase_order_id, received_units, cast(receipt_date - order_date as integer) as lead_time_days,
        receipt_date > {{ as_of() }} - cast(policy.vendor_slip_recent_days as integer) as is_recent
    from {{ ref("int_purchase_order_receipts") }}
    cross join {{ ref("int_policy") }} as policy
    where receipt_date >= order_date and receipt_date > {{ as_of() }} - cast(5 * policy.vendor_slip_recent_days as integer)
),

vendor_lead_times as (
    select
        vendor_id, is_recent, count(distinct purchase_order_id) as purchase_order_count,
        {{ weighted_mean("lead_time_days", "received_units") }} as mean_lead_time_days,
        {{ weighted_sd("lead_time_days", "received_units") }} as sd_lead_time_days
    from receipts
    where received_units > 0
    group by vendor_id, is_recent
),

slipping_vendors as (
    select
        recent.vendor_id, recent.mean_lead_time_days, earlier.mean_lead_time_days as earlier_lead_time_days,
        recent.mean_lead_time_days - earlier.mean_lead_time_days as slip_days
    from vendor_lead_times as recent
    inner join vendor_lead_times as earlier on recent.vendor_id = earlier.vendor_id and not earlier.is_recent
    cross join {{ ref("int_policy") }} as policy
    where
        recent.is_recent and recent.purchase_order_count > 1 and earlier.purchase_order_count > 1
        and recent.mean_lead_time_days - earlier.mean_lead_time_days >= 1
        and recent.mean_lead_time_days - earlier.mean_lead_time_days > policy.vendor_slip_standard_errors * sqrt(
            power(recent.sd_lead_time_days, 2) / recent.purchase_order_count
            + power(earlier.sd_lead_time_days, 2) / earlier.purchase_order_count
        )
),

vendor_margins as (
    select vendor_id, {{ exact_sum("daily_demand_units * margin_usd") }} as daily_margin_usd
    from items
    group by vendor_id
),

-- the mean error of the backtest, over as many days as the interval of the order is long
forecast_errors as (
    select
        items.*, champions.origins, champions.champion_model,
        -champions.bias_units * items.horizon_days / (7 * champions.horizon_weeks) as missed_units,
        (targets.p95_units - targets.p05_units) / 2 as half_interval_units
    from items
    inner join {{ ref("rec_champion") }} as champions
        on items.item_id = champions.item_id and items.location_id = champions.location_id
    inner join {{ ref("rec_policy_targets") }} as targets
        on items.item_id = targets.item_id and items.location_id = targets.location_id
),

exceptions as (
    select
        'about to run out' as kind, item_id, location_id, vendor_id, short_units as exception_units, lasting_days as exception_days,
        short_units * margin_usd as money_at_risk_usd,
        case
            when usable_on_hand_units = 0 then 'Out of stock'
            else 'Stock lasts ' || cast(floor(lasting_days) as integer) || ' days'
        end
        || case
            when is_on_its_way then '; the next delivery is expected in ' || cast(ceil(delivery_days) as integer) || ' days'
            when order_units > 0 then '; an order of today comes in ' || cast(ceil(delivery_days) as integer) || ' days'
            else '; an order would take ' || cast(ceil(delivery_days) as integer) || ' days, and none is proposed'
        end as finding,
        case
            when is_on_its_way then 'speed it up, or transfer'
            when order_units > 0 then 'place it now, or transfer'
            else 'see why, or transfer'
        end as next_step
    from run_outs
    where short_units > 0

    union all

    -- the excess is held until it is sold, half of it on average; it cannot cost more than it is worth, which is what stays where none is sold
    select
        'overstock', item_id, location_id, vendor_id, usable_on_hand_units - full_position_units,
        usable_on_hand_units / nullif(daily_demand_units, 0),
        (usable_on_hand_units - full_position_units) * unit_cost_usd
        * least(holding_cost_rate_per_year / 365 * (usable_on_hand_units - full_position_units) / 2 / nullif(daily_demand_units, 0), 1),
        cast(cast(floor(usable_on_hand_units - full_position_units) as integer) as varchar)
        || ' units more than the policy would ever build up', 'cancel open orders, transfer, return or mark down'
    from items
    where usable_on_hand_units >= full_position_units + 1

    union all

    select
        'lead-time slip', item_id, location_id, vendor_id, late_units, age_days,
        least(late_units, greatest(daily_demand_units * delivery_days - usable_on_hand_units, 0)) * margin_usd,
        late_units || ' units in ' || late_order_count || ' orders are open for up to ' || age_days || ' days; nine of ten come within '
        || p90_lead_time_days || case
            when is_given_up then '. None ever came so late' else '; expected in ' || cast(delivery_days as integer)
        end,
        case when is_given_up then 'ask the vendor, close the order and place it again' else 'ask the vendor for a date' end
    from late_lines

    union all

    select
        'vendor slip', null, null, slipping.vendor_id, null, slipping.slip_days, slipping.slip_days * margins.daily_margin_usd,
        'Deliveries take ' || cast(slipping.mean_lead_time_days as decimal(9, 1)) || ' days, '
        || cast(slipping.earlier_lead_time_days as decimal(9, 1))
        || ' in the year before', 'talk to the vendor, and order earlier until the lead times learned have caught up'
    from slipping_vendors as slipping
    inner join vendor_margins as margins on slipping.vendor_id = margins.vendor_id

    union all

    -- too little forecast loses margin, too much is held for an interval
    select
        'forecast break', item_id, location_id, vendor_id, abs(missed_units), horizon_days,
        case
            when missed_units > 0 then missed_units * margin_usd
            else -missed_units * unit_cost_usd * least(holding_cost_rate_per_year / 365 * horizon_days, 1)
        end,
        champion_model || ' was ' || cast(ceil(abs(missed_units)) as integer) || ' units too '
        || case when missed_units > 0 then 'low' else 'high' end || ' on average of ' || origins
        || ' origins, more than its 90 % interval allows', 'look for the reason, then enter an override'
    from forecast_errors
    where origins > 1 and abs(missed_units) > half_interval_units

    union all

    select
        'forecast break', null, null, null, null, null, null,
        case kind when 'error' then 'Errors of ' else 'The input ' end || name || case kind when 'error' then ' have' else ' has' end
        || ' drifted (' || cast(statistic as decimal(9, 2)) || ', limit ' || cast(threshold as decimal(9, 2))
        || ')', 'train the models again'
    from {{ ref("stg_ml__forecast_drift") }}
    where is_drifting

    union all

    select
        'phantom stock', phantom.item_id, phantom.location_id, products.vendor_id, phantom.exception_units, phantom.exception_days,
        phantom.exception_usd, phantom.exception_days || ' days in stock without a sale', phantom.what_to_do
    from {{ ref("rpt_stock_exceptions") }} as phantom
    inner join {{ ref("int_products") }} as products on phantom.item_id = products.item_id
    where phantom.exception = 'phantom stock'
),

valued as (
    select
        exceptions.kind, exceptions.item_id, exceptions.location_id, exceptions.vendor_id,
        cast(exceptions.exception_units as double) as exception_units, cast(exceptions.exception_days as double) as exception_days,
        cast(exceptions.money_at_risk_usd as decimal(18, 2)) as money_at_risk_usd, exceptions.finding, exceptions.next_step,
        exceptions.finding || ': ' || exceptions.next_step as message,
        policy.exception_minimum_usd, policy.exception_medium_usd, policy.exception_high_usd
    from exceptions
    cross join {{ ref("int_policy") }} as policy
)

-- money that is not known may be much: such rows stay, behind the others
select
    {{ as_of() }} as as_of_date,
    cast(row_number() over (
        order by money_at_risk_usd desc nulls last, kind, item_id, location_id, vendor_id, message
    ) as integer) as exception_rank,
    kind,
    case
        when money_at_risk_usd >= exception_high_usd then 'high'
        when money_at_risk_usd >= exception_medium_usd then 'medium'
        when money_at_risk_usd is not null then 'low'
        else 'unknown'
    end as severity,
    money_at_risk_usd, item_id, location_id, vendor_id, exception_units, exception_days, message, finding, next_step
from valued
where money_at_risk_usd is null or money_at_risk_usd >= exception_minimum_usd
