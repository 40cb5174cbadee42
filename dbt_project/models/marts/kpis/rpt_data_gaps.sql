select input_name, input_kind, effect, remedy, empty_tables
from {{ ref("int_data_gaps") }}
order by input_kind, input_name
