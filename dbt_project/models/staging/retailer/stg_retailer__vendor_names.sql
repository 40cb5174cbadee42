with unioned as (
    select vendor_id, vendor_name from {{ ref("base_retailer__purchase_prices") }} where reject is null
    union all
    select vendor_id, vendor_name from {{ ref("base_retailer__invoices") }} where reject is null
)

select vendor_id, vendor_name, count(*) as line_count
from unioned
where vendor_name is not null
group by vendor_id, vendor_name
