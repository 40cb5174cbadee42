with photos as (
    select
        photos.inspected_date, photos.vendor_id, photos.item_id, photos.location_id, photos.lot_id, photos.purchase_order_id,
        cast(sum(photos.inspected_units) as integer) as inspected_units,
        cast(sum(case when photos.verdict = 'defective' then photos.inspected_units else 0 end) as integer) as defective_units,
        cast(sum(
            case
                when photos.verdict <> 'defective' then 0
                when photos.disposition in ('exchanged', 'scrapped') then 0
                when photos.disposition = 'quarantined' or policy.photographed_defects_stay_in_stock > 0 then photos.inspected_units
                else 0
            end
        ) as integer) as kept_defective_units
    from {{ ref("int_inspection_photos") }} as photos
    cross join {{ ref("int_policy") }} as policy
    where photos.is_counted
    group by photos.inspected_date, photos.vendor_id, photos.item_id, photos.location_id, photos.lot_id, photos.purchase_order_id
)

select
    'count' as inspection_kind, counts.inspected_date, counts.vendor_id, counts.item_id, counts.location_id,
    cast(null as varchar) as lot_id, cast(null as integer) as purchase_order_id,
    counts.inspected_units, counts.defective_units,
    case when policy.counted_defects_stay_in_stock > 0 then counts.defective_units else 0 end as kept_defective_units
from {{ ref("stg_inspections") }} as counts
cross join {{ ref("int_policy") }} as policy
where counts.inspected_date <= {{ as_of() }}
union all
select
    'photo', inspected_date, vendor_id, item_id, location_id, lot_id, purchase_order_id, inspected_units, defective_units,
    kept_defective_units
from photos
