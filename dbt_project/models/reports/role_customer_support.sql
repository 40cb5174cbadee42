-- what a customer may ask for and not find: the shelf is empty, and the item is still sold here
with missing as (
    select
        position.as_of_date, position.item_id, position.location_id, position.on_order_units, stock.last_traded_date,
        orders.order_units, products.item_name, products.category, locations.city,
        coalesce(products.vendor_id, 0) as vendor_id
    from {{ ref("rec_inventory_position") }} as position
    inner join {{ ref("rec_orders") }} as orders
        on position.item_id = orders.item_id and position.location_id = orders.location_id
    inner join {{ ref("dim_product") }} as products on position.item_id = products.item_id
    inner join {{ ref("dim_location") }} as locations on position.location_id = locations.location_id
    left join {{ ref("int_inventory_item_location") }} as stock
        on position.item_id = stock.item_id and position.location_id = stock.location_id
    where position.usable_on_hand_units = 0 and not position.is_dormant
),

on_the_way as (
    select
        item_id, location_id,
        min(expected_receipt_date) as expected_receipt_date,
        arg_min(latest_receipt_date, (expected_receipt_date, purchase_order_id)) as latest_receipt_date,
        cast(sum(open_units) as integer) as open_units
    from {{ ref("int_open_order_arrivals") }}
    group by item_id, location_id
),

lead_times as (
    select
        vendor_id,
        min(lead_time_days) filter (where units_until >= 0.5 * units_in_all) as p50_lead_time_days,
        min(lead_time_days) filter (where units_until >= 0.9 * units_in_all) as p90_lead_time_days
    from (
        select
            vendor_id, lead_time_days,
            sum(received_units) over (partition by vendor_id order by lead_time_days) as units_until,
            sum(received_units) over (partition by vendor_id) as units_in_all
        from {{ ref("int_expected_lead_times") }}
    )
    group by vendor_id
),

stocked as (
    select position.item_id, position.location_id, position.usable_on_hand_units, products.category, locations.city, orders.demand_units
    from {{ ref("rec_inventory_position") }} as position
    inner join {{ ref("rec_orders") }} as orders
        on position.item_id = orders.item_id and position.location_id = orders.location_id
    inner join {{ ref("dim_product") }} as products on position.item_id = products.item_id
    inner join {{ ref("dim_location") }} as locations on position.location_id = locations.location_id
    where position.usable_on_hand_units >= 1
),

-- the same city first, then the fullest shelf
elsewhere as (
    select
        missing.item_id, missing.location_id, stocked.location_id as other_location_id,
        cast(floor(stocked.usable_on_hand_units) as integer) as other_location_units,
        row_number() over (
            partition by missing.item_id, missing.location_id
            order by stocked.city = missing.city desc, stocked.usable_on_hand_units desc, stocked.location_id
        ) as nearness
    from missing
    inner join stocked on missing.item_id = stocked.item_id and missing.location_id <> stocked.location_id
),

-- what sells best of the same category on the same shelf
substitutes as (
    select
        location_id, category, item_id as substitute_item_id,
        row_number() over (partition by location_id, category order by demand_units desc, item_id) as sales_rank
    from stocked
    where category <> 'Unknown'
)

select
    missing.as_of_date, missing.item_id, missing.item_name, missing.location_id, missing.city, missing.last_traded_date,
    case
        when on_the_way.expected_receipt_date is not null then 'on the way'
        when on_the_way.open_units > 0 then 'overdue: ordered, but later than anything this vendor delivered'
        when missing.order_units > 0 then 'to be ordered today'
        else 'not planned'
    end as status,
    coalesce(
        on_the_way.expected_receipt_date,
        case when on_the_way.open_units is null and missing.order_units > 0 then missing.as_of_date + lead_times.p50_lead_time_days end
    ) as expected_back_date,
    coalesce(
        on_the_way.latest_receipt_date,
        case when on_the_way.open_units is null and missing.order_units > 0 then missing.as_of_date + lead_times.p90_lead_time_days end
    ) as latest_back_date,
    coalesce(on_the_way.open_units, 0) as open_units,
    coalesce(missing.order_units, 0) as order_units,
    elsewhere.other_location_id, elsewhere.other_location_units,
    substitutes.substitute_item_id, substitute_products.item_name as substitute_item_name
from missing
left join on_the_way on missing.item_id = on_the_way.item_id and missing.location_id = on_the_way.location_id
left join lead_times on missing.vendor_id = lead_times.vendor_id
left join elsewhere
    on missing.item_id = elsewhere.item_id and missing.location_id = elsewhere.location_id and elsewhere.nearness = 1
left join substitutes
    on missing.location_id = substitutes.location_id and missing.category = substitutes.category and substitutes.sales_rank = 1
left join {{ ref("dim_product") }} as substitute_products on substitutes.substitute_item_id = substitute_products.item_id
