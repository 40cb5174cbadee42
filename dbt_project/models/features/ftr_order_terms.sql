{{ config(materialized="view") }}

select
    terms.item_id, terms.location_id,
    cast(coalesce(terms.moq_units, 1) as double) as moq_units,
    cast(coalesce(terms.pack_units, 1) as double) as pack_units,
    cast(policy.order_cost_usd_per_line as double) as order_cost_usd
from {{ ref("int_item_location_terms") }} as terms
cross join {{ ref("int_policy") }} as policy
