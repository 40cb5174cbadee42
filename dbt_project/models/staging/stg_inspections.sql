select
    cast(null as date) as inspected_date, cast(null as integer) as vendor_id, cast(null as integer) as item_id,
    cast(null as integer) as location_id, cast(null as integer) as inspected_units, cast(null as integer) as defective_units
where false
