-- a class that depends on the error of the forecast is not known yet where this is read
select abc_class, cycle_service_level, fill_rate_level
from {{ ref("int_service_level_lines") }}
where abc_class <> 'any' and xyz_class = 'any' and cycle_service_level is not null
