select
    terms.item_id, terms.location_id, coalesce(terms.vendor_id, 0) as vendor_id, terms.abc_class,
    coalesce(profile.demand_pattern, 'none') as demand_pattern, terms.review_period_days
from {{ ref("int_item_location_terms") }} as terms
left join {{ ref("int_demand_profile") }} as profile
    on terms.item_id = profile.item_id and terms.location_id = profile.location_id
