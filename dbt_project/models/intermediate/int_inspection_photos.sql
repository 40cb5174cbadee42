-- a photo is named by its path inside the folder, however it is written
with listed as (
    select
        nfc_normalize(regexp_replace(replace(photo, '\', '/'), '^(\./)?(inspection_photos/)?', '')) as photo,
        inspected_date, item_id, location_id, vendor_id, purchase_order_id, lot_id, inspected_units,
        lower(trim(label)) as label, lower(trim(disposition)) as disposition
    from {{ ref("stg_inspection_photos") }}
),

-- what people entered of these bytes in PostgreSQL, who saw the list as it is: their last word known on the as-of day stands above it
said as (
    select photo_hash, label
    from {{ ref("stg_input__inspection_labels") }}
    where as_of_date <= {{ as_of() }}
    qualify row_number() over (partition by photo_hash order by entered_at desc, entry_id) = 1
),

-- of what is not yet known on the as-of day neither the row nor the photo is
joined as (
    select
        coalesce(listed.photo, scores.photo) as photo, scores.photo_hash, scores.model_version,
        listed.photo is not null as is_listed, scores.photo is not null as is_there,
        listed.inspected_date, listed.item_id, listed.location_id, listed.vendor_id, listed.purchase_order_id, listed.lot_id,
        listed.inspected_units, coalesce(said.label, listed.label) as label, listed.disposition,
        scores.defect_probability, scores.threshold, scores.verdict as model_verdict, scores.reason as model_reason
    from listed
    full join {{ ref("stg_ml__image_scores") }} as scores on listed.photo = scores.photo
    left join said on scores.photo_hash = said.photo_hash
    where listed.inspected_date is null or listed.inspected_date <= {{ as_of() }}
),

-- the same row of the list again, and the same photo under another name: the first counts
numbered as (
    select
        *,
        cast(row_number() over (
            partition by photo
            order by
                inspected_date, item_id, location_id, vendor_id, purchase_order_id, lot_id, inspected_units, label, disposition
        ) as integer) as row_of_photo,
        case
            when photo_hash is not null
                then first_value(photo) over (partition by photo_hash order by is_listed desc, inspected_date, photo)
        end as first_photo_of_hash
    from joined
),

-- an order is of one vendor
order_vendors as (
    select purchase_order_id, min(vendor_id) as vendor_id
    from {{ ref("int_purchase_lines") }}
    where purchase_order_id in (select listed.purchase_order_id from listed)
    group by purchase_order_id
    having min(vendor_id) = max(vendor_id)
),

described as (
    select
        numbered.* exclude (vendor_id, inspected_date, inspected_units),
        numbered.inspected_date is not null as is_dated,
        coalesce(numbered.inspected_date, {{ as_of() }}) as inspected_date,
        coalesce(numbered.vendor_id, order_vendors.vendor_id, products.vendor_id) as vendor_id,
        coalesce(numbered.inspected_units, 1) as inspected_units,
        -- a person's word stands above the model's
        case
            when numbered.label in ('good', 'defective') then numbered.label
            when numbered.model_verdict in ('good', 'defective') then numbered.model_verdict
        end as verdict
    from numbered
    left join order_vendors on numbered.purchase_order_id = order_vendors.purchase_order_id
    left join {{ ref("int_products") }} as products on numbered.item_id = products.item_id
),

-- what a person counted of the same goods on the same day holds these parts already
judged as (
    select
        *,
        exists(
            select 1
            from {{ ref("stg_inspections") }} as counts
            where
                counts.inspected_date = described.inspected_date and counts.item_id = described.item_id
                and counts.vendor_id = described.vendor_id
                and coalesce(counts.location_id = described.location_id, true)
        ) as is_covered_by_count
    from described
),

decided as (
    select
        *,
        is_there and is_listed and row_of_photo = 1 and photo = coalesce(first_photo_of_hash, photo) as is_valid
    from judged
)

select
    photo, row_of_photo, photo_hash, model_version, is_listed, is_there, inspected_date, item_id, location_id, vendor_id, purchase_order_id,
    lot_id, inspected_units, label, disposition, defect_probability, threshold, model_verdict, verdict,
    case when verdict is not null then case when label in ('good', 'defective') then 'person' else 'model' end end as verdict_by,
    is_valid and verdict is not null as is_judged,
    is_valid and verdict is not null and not is_covered_by_count as is_counted,
    is_valid and verdict is null and model_verdict = 'unsure' as is_unsure,
    case
        when not is_there then 'no such photo'
        when row_of_photo > 1 then 'listed again'
        when photo <> coalesce(first_photo_of_hash, photo) then 'same photo again'
        when model_verdict = 'refused' then 'refused'
        when not is_listed then 'not listed'
        when label not in ('good', 'defective') then 'label not understood'
        when disposition not in ('quarantined', 'exchanged', 'scrapped') then 'disposition not understood'
        when is_covered_by_count and verdict is not null then 'counted by hand'
        when vendor_id is null then 'vendor not known'
        when not is_dated then 'no date'
    end as problem,
    case
        when not is_there then 'the folder inspection_photos holds no such file (photos under training are labelled examples, not inspections)'
        when row_of_photo > 1 then 'an earlier row names the same photo; that one counts'
        when photo <> coalesce(first_photo_of_hash, photo) then 'the same bytes as ' || first_photo_of_hash || ', which counts'
        when model_verdict = 'refused' then coalesce(model_reason, 'cannot be judged')
        when not is_listed then 'no row of inspection_photos.csv names it, so nobody knows whose part it shows'
        when label not in ('good', 'defective') then label || ' is neither good nor defective; the model''s verdict stands'
        when disposition not in ('quarantined', 'exchanged', 'scrapped')
            then disposition || ' is neither quarantined nor exchanged nor scrapped; the policy decides'
        when is_covered_by_count and verdict is not null then 'inspections.csv has a count of the same goods on that day; the count holds it'
        when vendor_id is null then 'neither row nor order nor item says from whom it came; it counts for its item only'
        when not is_dated then 'no date: taken to be of the as-of day'
    end as problem_reason
from decided
