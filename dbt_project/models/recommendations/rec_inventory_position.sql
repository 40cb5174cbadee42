-- an exported proposal is an order, until the purchase file shows it
with open_orders as (
    select location_id, item_id, order_date, ordered_units - received_units as open_units
    from {{ ref("int_purchase_lines") }}
    where receipt_date is null
    union all
    select location_id, item_id, order_date, exported_units from {{ ref("int_exported_orders") }} where not is_in_purchases
),

open_lines as (
    select
        location_id, item_id,
        cast(sum(case when order_date >= {{ as_of() }} - cast(open_order_max_age_days as integer) then open_units else 0 end)
            as integer) as on_order_units,
        cast(sum(open_units) as integer) as open_units
    from open_orders
    cross join {{ ref("int_policy") }}
    group by location_id, item_id
),

known as (
    select
        {{ as_of() }} as as_of_date,
        terms.item_id, terms.location_id,
        -- without any count stock is unknown, and without purchases so is what is on order: neither is zero
        case when as_of.is_stock_known then coalesce(stock.closing_units, 0) end as on_hand_units,
        age.expired_units,
        -- books below zero are an error of the books: nothing is there to sell
        case when as_of.is_stock_known then greatest(coalesce(stock.closing_units, 0), 0) - coalesce(age.expired_units, 0) end
            as unexpired_units,
        coalesce(expectations.quarantined_units, 0) as found_defective_units,
        coalesce(expectations.defect_share, 0) as defect_share, coalesce(expectations.passed_share, 0) as passed_share,
        case when as_of.is_stock_known or purchases.are_known then coalesce(open_lines.on_order_units, 0) end as on_order_units,
        case when as_of.is_stock_known or purchases.are_known then coalesce(open_lines.open_units - open_lines.on_order_units, 0) end
            as overdue_order_units,
        -- a shop's customers do not wait: demand that was not met is lost, not owed
        0 as backorder_units,
        stock.last_traded_date, dropped.item_id is not null as is_dropped
    from {{ ref("int_item_location_terms") }} as terms
    cross join {{ ref("int_as_of") }} as as_of
    cross join (select exists(select 1 from {{ ref("int_purchase_lines") }}) as are_known) as purchases
    left join {{ ref("int_inventory_item_location") }} as stock
        on terms.item_id = stock.item_id and terms.location_id = stock.location_id
    left join {{ ref("int_absences") }} as dropped
        on terms.item_id = dropped.item_id and terms.location_id = dropped.location_id
        and dropped.absence_state = 'not carried' and dropped.last_absent_date = {{ as_of() }}
    left join {{ ref("int_stock_age") }} as age on terms.item_id = age.item_id and terms.location_id = age.location_id
    left join open_lines on terms.item_id = open_lines.item_id and terms.location_id = open_lines.location_id
    left join {{ ref("int_defect_expectations") }} as expectations
        on terms.item_id = expectations.item_id and terms.location_id = expectations.location_id
),

blocked as (
    select
        *,
        case when unexpired_units is not null then least(found_defective_units, greatest(unexpired_units, 0)) end as quarantined_units
    from known
),

-- of what nobody looked at, some will turn out defective, in stock as on order
judged as (
    select
        *,
        cast((unexpired_units - quarantined_units) * (1 - passed_share) * defect_share as decimal(18, 4)) as expected_defective_units,
        cast(on_order_units * defect_share as decimal(18, 4)) as on_order_defective_units
    from blocked
),

usable as (
    select *, cast(unexpired_units - quarantined_units - expected_defective_units as decimal(18, 4)) as usable_on_hand_units
    from judged
)

select
    as_of_date, item_id, location_id, on_hand_units, expired_units, quarantined_units, expected_defective_units, usable_on_hand_units,
    on_order_units, on_order_defective_units, overdue_order_units, backorder_units,
    cast(usable_on_hand_units + on_order_units - on_order_defective_units - backorder_units as decimal(18, 4)) as inventory_position_units,
    defect_share,
    -- nothing there, nothing coming, nothing sold or received for long, or sold only what was found: whoever runs the shop has dropped it
    coalesce(
        usable_on_hand_units = 0 and overdue_order_units + on_order_units = 0
        and (is_dropped or coalesce(last_traded_date < as_of_date - cast(dormant_days as integer), true)), false
    ) as is_dormant
from usable
cross join {{ ref("int_policy") }}
