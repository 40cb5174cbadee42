select
    cast(null as integer) as vendor_id, cast(null as integer) as item_id, cast(null as integer) as moq_units,
    cast(null as integer) as pack_units, cast(null as integer) as order_cycle_days,
    cast(null as decimal(18, 2)) as minimum_order_usd, cast(null as integer) as promised_lead_time_days
where false
