select
    group_kind, group_key, vendor_id, item_id, lot_id, period_type, period_start_date, period_end_date,
    counted_inspected_units, counted_defective_units, photo_inspected_units, photo_defective_units, unsure_units,
    inspected_units, defective_units, defect_share, defect_share_low, defect_share_high, prior_defect_share, shrunk_defect_share,
    1 - shrunk_defect_share as expected_yield_share,
    rest_inspected_units, rest_defective_units, rest_defect_share, p_value, compared_groups, corrected_p_value, is_significantly_worse,
    case
        when inspected_units = 0 then 'nothing judged yet'
        when p_value is null then 'nothing to compare with'
        when is_significantly_worse then 'worse than the rest'
        else 'not known to be worse than the rest'
    end as finding
from {{ ref("int_defect_rates") }}
