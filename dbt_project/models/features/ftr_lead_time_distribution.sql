select vendor_id, lead_time_days, probability
from {{ ref("int_expected_lead_times") }}
