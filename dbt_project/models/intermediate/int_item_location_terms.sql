-- what the policy says of every item at every location: class, service level, lead time, review period, order terms
with held as (
    select item_id, location_id from {{ ref("int_inventory_item_location") }}
    union
    -- ordered for the first time and not there yet
    select item_id, location_id from {{ ref("int_purchase_lines") }} where receipt_date is null
),

base as (
    select
        held.item_id, held.location_id, products.vendor_id, products.size, products.unit_cost_usd, products.shelf_life_days,
        classes.abc_class
    from held
    inner join {{ ref("int_products") }} as products on held.item_id = products.item_id
    inner join {{ ref("int_item_class") }} as classes on held.item_id = classes.item_id
),

general_terms as (
    select vendor_id, size, moq_units, pack_units, max_stock_units, shelf_life_days
    from {{ ref("order_terms") }}
    where {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
    union all
    select vendor_id, null, coalesce(moq_units, 1), coalesce(pack_units, 1), null, null
    from {{ ref("stg_vendor_terms") }}
    where item_id is null and (moq_units is not null or pack_units is not null)
),

candidate_terms as (
    select
        products.item_id, terms.moq_units, terms.pack_units, terms.max_stock_units, terms.shelf_life_days, false as is_for_item,
        terms.vendor_id, terms.size
    from {{ ref("int_products") }} as products
    inner join general_terms as terms
        on (terms.vendor_id is null or terms.vendor_id = products.vendor_id)
        and (terms.size is null or terms.size = products.size)
    union all
    select products.item_id, coalesce(terms.moq_units, 1), coalesce(terms.pack_units, 1), null, null, true, terms.vendor_id, null
    from {{ ref("int_products") }} as products
    inner join {{ ref("stg_vendor_terms") }} as terms on products.item_id = terms.item_id and products.vendor_id = terms.vendor_id
    where terms.moq_units is not null or terms.pack_units is not null
),

order_cycles as (
    select vendor_id, max(order_cycle_days) as order_cycle_days from {{ ref("stg_vendor_terms") }} group by vendor_id
),

-- the most particular line wins: the vendor's for the item, vendor and size, then vendor, then size, then the line for all
ranked_terms as (
    select
        *,
        row_number() over (
            partition by item_id
            order by is_for_item desc, vendor_id is null, size is null, moq_units desc, pack_units desc
        ) as term_rank
    from candidate_terms
),

item_terms as (
    select
        item_id,
        max(moq_units) filter (where term_rank = 1) as moq_units,
        max(pack_units) filter (where term_rank = 1) as pack_units,
        arg_min(max_stock_units, term_rank) filter (where max_stock_units is not null) as max_stock_units,
        arg_min(shelf_life_days, term_rank) filter (where shelf_life_days is not null) as shelf_life_days
    from ranked_terms
    group by item_id
),

-- what is said of an item in a store, of an item, and of its class, in this order
levels as (
    select
        base.item_id, base.location_id,
        coalesce(in_store.cycle_service_level, of_item.cycle_service_level, of_class.cycle_service_level) as cycle_service_level,
        coalesce(in_store.fill_rate_level, of_item.fill_rate_level, of_class.fill_rate_level) as fill_rate_level
    from base
    inner join {{ ref("int_service_levels") }} as of_class on base.abc_class = of_class.abc_class
    left join {{ ref("int_service_level_lines") }} as of_item on base.item_id = of_item.item_id and of_item.location_id = 0
    left join {{ ref("int_service_level_lines") }} as in_store
        on base.item_id = in_store.item_id and base.location_id = in_store.location_id
),

-- from whole-number sums, so that the same data gives the same digits
lead_times as (
    select
        vendor_id,
        {{ weighted_mean("lead_time_days", "received_units") }} as mean_lead_time_days,
        {{ weighted_sd("lead_time_days", "received_units") }} as sd_lead_time_days
    from {{ ref("int_expected_lead_times") }}
    group by vendor_id
)

select
    base.item_id, base.location_id, base.vendor_id, base.abc_class, base.unit_cost_usd,
    levels.cycle_service_level, levels.fill_rate_level, standard_normal.z_factor,
    -- nobody can order more often than the vendor takes orders
    greatest(order_cycles.order_cycle_days, cast(policy.review_period_days as integer)) as review_period_days,
    lead_times.mean_lead_time_days, lead_times.sd_lead_time_days,
    item_terms.moq_units, item_terms.pack_units, item_terms.max_stock_units,
    coalesce(base.shelf_life_days, item_terms.shelf_life_days) as shelf_life_days
from base
cross join {{ ref("int_policy") }} as policy
inner join levels on base.item_id = levels.item_id and base.location_id = levels.location_id
inner join {{ ref("standard_normal") }} as standard_normal
    on round(greatest(least(levels.cycle_service_level, 0.999), 0.5), 3) = standard_normal.cycle_service_level
left join lead_times on coalesce(base.vendor_id, 0) = lead_times.vendor_id
left join order_cycles on base.vendor_id = order_cycles.vendor_id
left join item_terms on base.item_id = item_terms.item_id
