with limits as (
    select * from {{ ref("int_alert_thresholds") }}
),

-- items that will run out are told of as such
running_out as (
    select item_id, location_id
    from {{ ref("rec_exceptions") }}
    where kind = 'about to run out'
),

low_stocks as (
    select
        orders.item_id, orders.location_id, orders.vendor_id, orders.usable_on_hand_units, orders.safety_stock_units, orders.order_units,
        orders.on_order_units,
        cast(orders.safety_stock_units - orders.usable_on_hand_units as double) * economics.shortage_cost_usd as at_risk_usd
    from {{ ref("rec_orders") }} as orders
    inner join {{ ref("rec_order_economics") }} as economics
        on orders.item_id = economics.item_id and orders.location_id = economics.location_id
    inner join limits on limits.kind = 'low stock'
    left join running_out on orders.item_id = running_out.item_id and orders.location_id = running_out.location_id
    where
        running_out.item_id is null and not economics.is_dormant
        and orders.usable_on_hand_units < limits.limit_value * orders.safety_stock_units
),

-- what is on order and what is ordered today, of which more than elsewhere will be defective
coming_items as (
    select orders.vendor_id, orders.item_id, coalesce(orders.order_usd, 0) + orders.on_order_units * products.unit_cost_usd as coming_usd
    from {{ ref("rec_orders") }} as orders
    inner join {{ ref("int_products") }} as products on orders.item_id = products.item_id
),

coming as (
    select 'vendor' as group_kind, cast(vendor_id as varchar) as group_key, sum(coming_usd) as coming_usd from coming_items group by vendor_id
    union all
    select 'item', cast(item_id as varchar), sum(coming_usd) from coming_items group by item_id
),

past_orders as (
    select vendor_id, purchase_order_id, sum(purchase_usd) as purchase_usd
    from {{ ref("fct_purchase_order_lines") }}
    where order_date > {{ as_of() }} - 365
    group by vendor_id, purchase_order_id
),

usual_orders as (
    select vendor_id, count(*) as order_count, cast(median(purchase_usd) as double) as usual_usd
    from past_orders
    group by vendor_id
),

todays_orders as (
    select vendor_id, cast(sum(order_usd) as double) as today_usd
    from {{ ref("rec_orders") }}
    where order_units > 0
    group by vendor_id
),

-- days on which anything was told, per store or of all purchases
told_days as (
    select 'sales' as subject, location_id, sale_date as told_date
    from {{ ref("fct_sales_daily") }}
    where sale_date > {{ as_of() }} - 365
    group by location_id, sale_date
    union all
    select 'purchases', null, order_date from {{ ref("fct_purchase_order_lines") }} where order_date > {{ as_of() }} - 365
    union
    select 'purchases', null, receipt_date
    from {{ ref("fct_purchase_order_lines") }}
    where receipt_date between {{ as_of() }} - 364 and {{ as_of() }}
),

silences as (
    select
        subject, location_id, max(told_date) as last_told_date, {{ as_of() }} - max(told_date) as silent_days,
        coalesce(max(told_date - previous_date), 1) as longest_silence_days
    from (
        select *, lag(told_date) over (partition by subject, location_id order by told_date) as previous_date from told_days
    )
    group by subject, location_id
),

findings as (
    select
        kind, '' as subject, item_id, location_id, vendor_id, cast(money_at_risk_usd as double) as at_risk_usd,
        cast(null as double) as measure, finding as message, next_step
    from {{ ref("rec_exceptions") }}
    -- drift stands without an item, and is told of below
    where kind <> 'forecast break' or item_id is not null

    union all

    -- the margin of the units that are missing from the safety stock: what a bad week would cost, not what is expected
    select
        'low stock', '', item_id, location_id, vendor_id, at_risk_usd, null,
        cast(floor(usable_on_hand_units) as integer) || ' units left of a safety stock of ' || cast(ceil(safety_stock_units) as integer)
        || ', ' || on_order_units || ' on order',
        case
            when order_units > 0 then 'approve today''s order'
            when on_order_units > 0 then 'see that the delivery comes in time'
            else 'nothing is ordered: see why'
        end
    from low_stocks

    union all

    select
        'high defect rate', alerts.group_kind || ' ' || alerts.group_key, alerts.item_id, null, alerts.vendor_id,
        (alerts.defect_share - alerts.rest_defect_share) * cast(coming.coming_usd as double), alerts.defect_share,
        case when alerts.lot_id is null then '' else 'lot ' || alerts.lot_id || ': ' end || alerts.finding,
        case
            when alerts.lot_id is null then 'inspect what comes, and claim what is defective'
            else 'block the lot, inspect the rest of it, and claim what is defective'
        end
    from {{ ref("rpt_defect_alerts") }} as alerts
    inner join limits on limits.kind = 'high defect rate'
    left join coming on alerts.group_kind = coming.group_kind and alerts.group_key = coming.group_key
    where alerts.defect_share >= coalesce(limits.limit_value, 0)

    union all

    select
        'forecast drift', drift.kind || ' ' || drift.name, null, null, null, null, drift.statistic / drift.threshold,
        case drift.kind when 'error' then 'errors by ' || drift.name || ' are ' else 'the input ' || drift.name || ' has moved by ' end
        || cast(round(drift.statistic, 2) as decimal(9, 2))
        || case drift.kind when 'error' then ' times those the models learned with' else ' (population stability index)' end
        || ', limit ' || cast(round(drift.threshold, 2) as decimal(9, 2)),
        'train the models again; if it stays, look for what changed'
    from {{ ref("stg_ml__forecast_drift") }} as drift
    inner join limits on limits.kind = 'forecast drift'
    where drift.is_drifting and drift.statistic >= limits.limit_value * drift.threshold

    union all

    select
        'order spike', '', null, null, orders.vendor_id, orders.today_usd - limits.limit_value * usual.usual_usd, orders.today_usd / usual.usual_usd,
        'today''s order of ' || cast(round(orders.today_usd) as bigint) || ' USD is ' || cast(round(orders.today_usd / usual.usual_usd, 1) as decimal(9, 1))
        || ' times the usual one of ' || cast(round(usual.usual_usd) as bigint) || ' USD (median of ' || usual.order_count || ' in a year)',
        'look at its largest lines before it is approved (stockroom why)'
    from todays_orders as orders
    inner join usual_orders as usual on orders.vendor_id = usual.vendor_id
    inner join limits on limits.kind = 'order spike'
    where usual.order_count >= 5 and usual.usual_usd > 0 and orders.today_usd >= limits.limit_value * usual.usual_usd

    union all

    select
        'rejects', adapter || ' ' || file_kind, null, null, null, null, rejected_share,
        lines_rejected || ' of ' || lines_with_content || ' lines of ' || file_kind || ' were refused ('
        || cast(round(100 * rejected_share, 1) as decimal(9, 1)) || ' %)',
        'see staging.rejects for file, line and reason; correct them at the source'
    from {{ ref("int_rejected_lines") }}
    inner join limits on limits.kind = 'rejects'
    where rejected_share >= limits.limit_value

    union all

    -- what has been silent for very long is closed, not late
    select
        'stale data', silences.subject, null, silences.location_id, null, null, silences.silent_days,
        case silences.subject when 'sales' then 'no sale' else 'no order and no receipt' end || ' since ' || silences.last_told_date || ', '
        || silences.silent_days || ' days; the longest time without one in a year was '
        || silences.longest_silence_days - 1 || ' days',
        'ask whether the file is complete; orders rest on what it says'
    from silences
    cross join {{ ref("int_policy") }} as policy
    inner join limits on limits.kind = 'stale data'
    where
        silences.silent_days >= limits.limit_value and silences.silent_days >= silences.longest_silence_days
        and silences.silent_days <= policy.dormant_days

    union all

    select
        'missing data', gaps.input_name, null, null, null, null,
        case when gaps.empty_tables is null then 0 else length(gaps.empty_tables) - length(replace(gaps.empty_tables, ',', '')) + 1 end,
        gaps.input_name || ' is missing: ' || gaps.effect, 'to fill the gap: ' || gaps.remedy
    from {{ ref("rpt_data_gaps") }} as gaps
    inner join limits on limits.kind = 'missing data'
),

judged as (
    select
        findings.kind, findings.subject, findings.item_id, findings.location_id, findings.vendor_id, findings.at_risk_usd, findings.measure,
        findings.message, findings.next_step, limits.minimum_usd, limits.medium_usd, limits.high_usd, limits.limit_value,
        limits.high_limit_value, 1 as finding_count, coalesce(findings.at_risk_usd < limits.minimum_usd, false) as is_small
    from findings
    inner join limits on findings.kind = limits.kind
),

-- many small ones would hide the large ones: one line per kind and store; what has no store is left out
gathered as (
    select * from judged
    where not is_small
    union all
    select
        kind, 'smaller ones', null, location_id, null, {{ exact_sum("at_risk_usd") }}, null,
        count(*) || case count(*) when 1 then ' item of less than ' else ' items of less than ' end || cast(max(minimum_usd) as bigint)
        || ' USD, together ' || cast(round({{ exact_sum("at_risk_usd") }}) as bigint) || ' USD',
        case kind
            when 'low stock' then 'approve today''s orders; all items are in recommendations.rec_orders'
            else 'all items are in recommendations.rec_exceptions'
        end,
        max(minimum_usd), max(medium_usd), max(high_usd), null, null, count(*), true
    from judged
    where is_small and location_id is not null
    group by kind, location_id
)

-- money that is not known may be much: such alerts are of medium severity unless their measure says otherwise; small ones never add up
-- to a high one
select
    'A' || upper(substr(md5(concat_ws('|', kind, subject, coalesce(item_id, -1), coalesce(location_id, -1), coalesce(vendor_id, -1))), 1, 10))
        as alert_id,
    kind, subject,
    case
        when (at_risk_usd >= high_usd and not is_small) or measure >= high_limit_value then 'high'
        when at_risk_usd >= medium_usd or (at_risk_usd is null and (measure is null or measure >= limit_value)) then 'medium'
        else 'low'
    end as severity,
    cast(at_risk_usd as decimal(18, 2)) as at_risk_usd, item_id, location_id, vendor_id, cast(finding_count as integer) as finding_count,
    message, next_step
from gathered
