with latest as (
    select item_id, first_category_id, second_category_id, third_category_id, management_group_id
    from {{ ref("base_freshretail__days") }}
    where reject is null
    qualify row_number() over (partition by item_id order by calendar_date desc, location_id) = 1
)

select
    item_id,
    'First category ' || first_category_id as category,
    'Second category ' || second_category_id as subcategory,
    cast(null as varchar) as brand_name,
    cast(null as integer) as shelf_life_days,
    cast(
        to_json(struct_pack(third_category_id := third_category_id, management_group_id := management_group_id)) as varchar
    ) as attributes
from latest
