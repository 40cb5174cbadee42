select vendor_id, sum(probability) as total
from {{ ref("int_expected_lead_times") }}
group by vendor_id
having abs(sum(probability) - 1) > 1e-9
