-- how good an item of a vendor will be: its own inspections drawn towards its vendor's, where there are enough of either
with recent as (
    select group_kind, vendor_id, item_id, inspected_units, shrunk_defect_share
    from {{ ref("int_defect_rates") }}
    where period_type = 'recent'
),

shares as (
    select
        terms.item_id, terms.location_id,
        least(coalesce(items.shrunk_defect_share, vendors.shrunk_defect_share), policy.defect_share_cap) as defect_share,
        case when items.inspected_units > 0 then 'item' else 'vendor' end as defect_basis
    from {{ ref("int_item_location_terms") }} as terms
    cross join {{ ref("int_policy") }} as policy
    left join recent as items on items.group_kind = 'item' and terms.item_id = items.item_id
    left join recent as vendors on vendors.group_kind = 'vendor' and terms.vendor_id = vendors.vendor_id
    where greatest(items.inspected_units, vendors.inspected_units) >= policy.defect_min_inspected_units
),

-- a count on the as-of day holds what is blocked; after an earlier one, what was found before it has been dealt with
last_counts as (
    select location_id, item_id, max(count_date) as last_count_date
    from {{ ref("int_stock_adjustments") }}
    where count_date < {{ as_of() }} and item_id in (select inspections.item_id from {{ ref("int_inspections") }} as inspections)
    group by location_id, item_id
),

recent_inspections as (
    select
        inspections.*,
        inspections.inspected_date > {{ as_of() }} - cast(policy.quarantine_max_days as integer)
        and inspections.inspected_date > coalesce(last_counts.last_count_date, date '0001-01-01') as is_since_count
    from {{ ref("int_inspections") }} as inspections
    cross join {{ ref("int_policy") }} as policy
    left join last_counts on inspections.location_id = last_counts.location_id and inspections.item_id = last_counts.item_id
    where inspections.item_id is not null and inspections.location_id is not null
),

blocked_lots as (
    select rates.vendor_id, rates.lot_id
    from {{ ref("int_defect_rates") }} as rates
    cross join {{ ref("int_policy") }} as policy
    where rates.group_kind = 'lot' and rates.period_type = 'all' and rates.defect_share_low > policy.defect_lot_blocked_share
),

-- of a blocked lot all that came with its order is blocked, of any other what was found defective
deliveries as (
    select purchase_order_id, item_id, location_id, cast(sum(received_units) as bigint) as received_units
    from {{ ref("int_purchase_lines") }}
    where receipt_date is not null
        and purchase_order_id in (
            select inspections.purchase_order_id from recent_inspections as inspections where inspections.lot_id is not null
        )
    group by purchase_order_id, item_id, location_id
),

found as (
    select
        inspections.item_id, inspections.location_id, inspections.lot_id, inspections.purchase_order_id,
        min(inspections.inspected_date) as found_date,
        greatest(
            sum(inspections.kept_defective_units),
            max(case when blocked_lots.lot_id is not null then coalesce(deliveries.received_units, 0) else 0 end)
        ) as blocked_units
    from recent_inspections as inspections
    left join blocked_lots
        on inspections.lot_id = blocked_lots.lot_id and inspections.vendor_id is not distinct from blocked_lots.vendor_id
    left join deliveries
        on inspections.purchase_order_id = deliveries.purchase_order_id and inspections.item_id = deliveries.item_id
        and inspections.location_id = deliveries.location_id
    where inspections.is_since_count
    group by inspections.item_id, inspections.location_id, inspections.lot_id, inspections.purchase_order_id
),

blocked as (
    select item_id, location_id, cast(sum(blocked_units) as bigint) as blocked_units, min(found_date) as found_date
    from found
    where blocked_units > 0
    group by item_id, location_id
),

-- what has been written off since, or sent back
disposed as (
    select blocked.item_id, blocked.location_id, cast(-sum(adjustments.recorded_adjustment_units) as bigint) as disposed_units
    from blocked
    inner join {{ ref("int_recorded_adjustments") }} as adjustments
        on blocked.item_id = adjustments.item_id and blocked.location_id = adjustments.location_id
        and adjustments.adjustment_date >= blocked.found_date
    where adjustments.recorded_adjustment_units < 0 and regexp_matches(adjustments.reason, 'defect|damage|scrap|return|quality|quarantine')
    group by blocked.item_id, blocked.location_id
),

-- of what came in since the oldest unit in stock did, how much was looked at and found good: any unit may be one of them
passed as (
    select
        inspections.item_id, inspections.location_id,
        cast(sum(inspections.inspected_units - inspections.defective_units) as bigint) as passed_units
    from recent_inspections as inspections
    inner join {{ ref("int_stock_age") }} as age
        on inspections.item_id = age.item_id and inspections.location_id = age.location_id
        and inspections.inspected_date >= age.oldest_receipt_date
    group by inspections.item_id, inspections.location_id
),

came_in as (
    select passed.item_id, passed.location_id, age.on_hand_units, cast(sum(lines.received_units) as bigint) as received_units
    from passed
    inner join {{ ref("int_stock_age") }} as age on passed.item_id = age.item_id and passed.location_id = age.location_id
    left join {{ ref("int_purchase_lines") }} as lines
        on passed.item_id = lines.item_id and passed.location_id = lines.location_id and lines.receipt_date >= age.oldest_receipt_date
    group by passed.item_id, passed.location_id, age.on_hand_units
),

keys as (
    select item_id, location_id from shares
    union
    select item_id, location_id from blocked
)

select
    keys.item_id, keys.location_id,
    coalesce(shares.defect_share, 0) as defect_share, shares.defect_basis,
    cast(greatest(coalesce(blocked.blocked_units, 0) - coalesce(disposed.disposed_units, 0), 0) as integer) as quarantined_units,
    case
        when passed.passed_units > 0
            then passed.passed_units / greatest(came_in.received_units, came_in.on_hand_units, passed.passed_units)
        else 0
    end as passed_share
from keys
left join shares on keys.item_id = shares.item_id and keys.location_id = shares.location_id
left join blocked on keys.item_id = blocked.item_id and keys.location_id = blocked.location_id
left join disposed on keys.item_id = disposed.item_id and keys.location_id = disposed.location_id
left join passed on keys.item_id = passed.item_id and keys.location_id = passed.location_id
left join came_in on keys.item_id = came_in.item_id and keys.location_id = came_in.location_id
