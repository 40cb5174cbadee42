select
    cast(null as integer) as location_id, cast(null as integer) as item_id, cast(null as date) as stock_out_date,
    cast(null as double) as stock_out_hours, cast(null as double) as open_hours
where false
