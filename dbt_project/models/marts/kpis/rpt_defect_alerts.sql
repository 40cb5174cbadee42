select
    {{ as_of() }} as as_of_date, rates.group_kind, rates.group_key, rates.vendor_id, vendors.vendor_name, rates.item_id, products.item_name,
    rates.lot_id, rates.period_start_date, rates.inspected_units, rates.defective_units, rates.defect_share, rates.defect_share_low,
    rates.defect_share_high, rates.rest_defect_share, rates.p_value, rates.compared_groups, rates.corrected_p_value,
    rates.defective_units || ' of ' || rates.inspected_units || ' units defective (' || round(100 * rates.defect_share, 1)
    || ' %), ' || round(100 * rates.rest_defect_share, 1) || ' % of the rest' as finding
from {{ ref("int_defect_rates") }} as rates
left join {{ ref("int_vendors") }} as vendors on rates.vendor_id = vendors.vendor_id
left join {{ ref("int_products") }} as products on rates.item_id = products.item_id
where rates.period_type = 'recent' and rates.is_significantly_worse
