select
    cast(null as integer) as location_id, cast(null as integer) as item_id, cast(null as date) as adjustment_date,
    cast(null as integer) as adjusted_units, cast(null as varchar) as reason
where false
