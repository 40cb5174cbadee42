select
    vendor_id, order_date, due_date, is_promised,
    count(*) filter (where is_due) as due_line_count,
    count(*) filter (where is_due and is_on_time_in_full) as otif_line_count,
    count(*) filter (where is_due and is_early) as early_line_count,
    count(*) filter (where is_due and is_late) as late_line_count,
    count(*) filter (where is_due and is_late and is_open) as open_late_line_count,
    count(*) filter (where is_settled) as settled_line_count,
    cast(coalesce(sum(cast(ordered_units as double)) filter (where is_settled), 0) as bigint) as settled_ordered_units,
    cast(coalesce(sum(cast(received_units as double)) filter (where is_settled), 0) as bigint) as settled_received_units
from {{ ref("int_order_lines") }}
where is_known_in_full
group by vendor_id, order_date, due_date, is_promised
