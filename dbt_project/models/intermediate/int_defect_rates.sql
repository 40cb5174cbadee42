{% set kinds = [
    ("all", "'all'", []),
    ("vendor", "cast(vendor_id as varchar)", ["vendor_id"]),
    ("item", "cast(item_id as varchar)", ["item_id"]),
    ("lot", "coalesce(cast(vendor_id as varchar), '?') || ' ' || lot_id", ["vendor_id", "lot_id"]),
] %}
{% set period = ["period_type", "period_start_date", "period_end_date"] %}

-- unsure photos stand beside what is known; a photo that a count holds already is in the count
with looked_at as (
    select inspection_kind, inspected_date, vendor_id, item_id, lot_id, inspected_units, defective_units, 0 as unsure_units
    from {{ ref("int_inspections") }}
    union all
    select 'photo', inspected_date, vendor_id, item_id, lot_id, 0, 0, inspected_units
    from {{ ref("int_inspection_photos") }}
    where is_unsure
),

dated as (
    select
        'all' as period_type, min(looked_at.inspected_date) over () as period_start_date, {{ as_of() }} as period_end_date, looked_at.*
    from looked_at
    union all
    select
        'recent', cast({{ as_of() }} - cast(policy.defect_history_days as integer) + 1 as date), {{ as_of() }}, looked_at.*
    from looked_at
    cross join {{ ref("int_policy") }} as policy
    where looked_at.inspected_date > {{ as_of() }} - cast(policy.defect_history_days as integer)
    union all
    select
        'month', cast(date_trunc('month', looked_at.inspected_date) as date), least(last_day(looked_at.inspected_date), {{ as_of() }}), looked_at.*
    from looked_at
),

grouped as (
    {%- for kind, key, own in kinds %}
    select
        '{{ kind }}' as group_kind, {{ key }} as group_key,
        {%- for column, type in [("vendor_id", "integer"), ("item_id", "integer"), ("lot_id", "varchar")] %}
        {{ column if column in own else "cast(null as " ~ type ~ ")" }} as {{ column }},
        {%- endfor %}
        {{ period | join(", ") }},
        cast(sum(case when inspection_kind = 'count' then inspected_units else 0 end) as bigint) as counted_inspected_units,
        cast(sum(case when inspection_kind = 'count' then defective_units else 0 end) as bigint) as counted_defective_units,
        cast(sum(case when inspection_kind = 'photo' then inspected_units else 0 end) as bigint) as photo_inspected_units,
        cast(sum(case when inspection_kind = 'photo' then defective_units else 0 end) as bigint) as photo_defective_units,
        cast(sum(unsure_units) as bigint) as unsure_units,
        cast(sum(inspected_units) as bigint) as inspected_units,
        cast(sum(defective_units) as bigint) as defective_units
    from dated
    {%- if kind != "all" %}
    where {{ own[-1] }} is not null
    {%- endif %}
    group by all
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

pooled as (
    select
        period_type, period_start_date, inspected_units as all_inspected_units, defective_units as all_defective_units,
        defective_units / nullif(inspected_units, 0) as pooled_defect_share
    from grouped
    where group_kind = 'all'
),

-- a vendor with few inspections lies near all of them
vendors as (
    select
        grouped.vendor_id, grouped.period_type, grouped.period_start_date,
        (grouped.defective_units + policy.defect_prior_units * pooled.pooled_defect_share)
        / (grouped.inspected_units + policy.defect_prior_units) as shrunk_defect_share
    from grouped
    inner join pooled on grouped.period_type = pooled.period_type and grouped.period_start_date = pooled.period_start_date
    cross join {{ ref("int_policy") }} as policy
    where grouped.group_kind = 'vendor'
),

-- an item near its vendor; one of several vendors, near each by the units of it that were looked at
item_vendors as (
    select item_id, vendor_id, period_type, period_start_date, sum(inspected_units) as inspected_units
    from dated
    where item_id is not null
    group by all
),

item_priors as (
    select
        item_vendors.item_id, item_vendors.period_type, item_vendors.period_start_date,
        sum(item_vendors.inspected_units * coalesce(vendors.shrunk_defect_share, pooled.pooled_defect_share) order by item_vendors.vendor_id)
        / nullif(sum(item_vendors.inspected_units), 0) as prior_defect_share
    from item_vendors
    inner join pooled
        on item_vendors.period_type = pooled.period_type and item_vendors.period_start_date = pooled.period_start_date
    left join vendors
        on item_vendors.vendor_id = vendors.vendor_id and item_vendors.period_type = vendors.period_type
        and item_vendors.period_start_date = vendors.period_start_date
    group by item_vendors.item_id, item_vendors.period_type, item_vendors.period_start_date
),

compared as (
    select
        grouped.*, policy.defect_prior_units, policy.defect_alert_level, standard_normal.z_factor,
        case
            when grouped.group_kind in ('all', 'vendor') then pooled.pooled_defect_share
            when grouped.group_kind = 'item' then coalesce(item_priors.prior_defect_share, pooled.pooled_defect_share)
            else coalesce(vendors.shrunk_defect_share, pooled.pooled_defect_share)
        end as prior_defect_share,
        pooled.all_inspected_units, pooled.all_defective_units,
        pooled.all_inspected_units - grouped.inspected_units as rest_inspected_units,
        pooled.all_defective_units - grouped.defective_units as rest_defective_units
    from grouped
    inner join pooled on grouped.period_type = pooled.period_type and grouped.period_start_date = pooled.period_start_date
    cross join {{ ref("int_policy") }} as policy
    left join {{ ref("standard_normal") }} as standard_normal
        on round((1 + policy.defect_interval_level) / 2, 3) = standard_normal.cycle_service_level
    left join vendors
        on grouped.group_kind = 'lot' and grouped.vendor_id = vendors.vendor_id
        and grouped.period_type = vendors.period_type and grouped.period_start_date = vendors.period_start_date
    left join item_priors
        on grouped.group_kind = 'item' and grouped.item_id = item_priors.item_id
        and grouped.period_type = item_priors.period_type and grouped.period_start_date = item_priors.period_start_date
),

-- Fisher's exact test, one-sided: how likely are so many of all defective units among the group's, were it like the rest?
-- (beyond ten standard deviations, of at most half the root of all defective units, nothing is left to add)
tested as (
    select
        *,
        case
            when inspected_units = 0 or rest_inspected_units = 0 then null
            when defective_units * rest_inspected_units <= rest_defective_units * inspected_units then 1
            else least(1, list_sum(list_transform(
                range(
                    greatest(defective_units, inspected_units - (all_inspected_units - all_defective_units)),
                    cast(least(inspected_units, all_defective_units, defective_units + 20 + 5 * ceil(sqrt(all_defective_units))) as bigint) + 1
                ),
                lambda hits: exp(
                    lgamma(all_defective_units + 1) - lgamma(hits + 1) - lgamma(all_defective_units - hits + 1)
                    + lgamma(all_inspected_units - all_defective_units + 1) - lgamma(inspected_units - hits + 1)
                    - lgamma(all_inspected_units - all_defective_units - inspected_units + hits + 1)
                    - lgamma(all_inspected_units + 1) + lgamma(inspected_units + 1) + lgamma(rest_inspected_units + 1)
                )
            )))
        end as p_value
    from compared
),

-- many groups are looked at, and one of them is always the worst: Holm's correction within a kind and period
ranked as (
    select
        *,
        count(p_value) over family as compared_groups,
        row_number() over (partition by group_kind, period_type, period_start_date order by p_value, group_key) as p_rank
    from tested
    window family as (partition by group_kind, period_type, period_start_date)
),

corrected as (
    select
        *,
        case
            when p_value is not null
                then max(least(1, (compared_groups - p_rank + 1) * p_value)) over (
                    partition by group_kind, period_type, period_start_date order by p_rank
                    rows between unbounded preceding and current row
                )
        end as corrected_p_value
    from ranked
)

select
    group_kind, group_key, vendor_id, item_id, lot_id, {{ period | join(", ") }},
    counted_inspected_units, counted_defective_units, photo_inspected_units, photo_defective_units, unsure_units,
    inspected_units, defective_units,
    defective_units / nullif(inspected_units, 0) as defect_share,
    {{ wilson_bound("defective_units", "inspected_units", "z_factor", "-1") }} as defect_share_low,
    {{ wilson_bound("defective_units", "inspected_units", "z_factor", "1") }} as defect_share_high,
    prior_defect_share,
    (defective_units + defect_prior_units * prior_defect_share) / (inspected_units + defect_prior_units) as shrunk_defect_share,
    rest_inspected_units, rest_defective_units, rest_defective_units / nullif(rest_inspected_units, 0) as rest_defect_share,
    p_value, compared_groups, corrected_p_value,
    coalesce(corrected_p_value <= defect_alert_level, false) as is_significantly_worse
from corrected
