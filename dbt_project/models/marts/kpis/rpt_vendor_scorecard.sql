{% set period = "vendor_id, periods.period_type, periods.period_start_date" %}
{% set key = "vendor_id, period_type, period_start_date" %}

with ordered as (
    select
        receipts.{{ period }},
        count(distinct receipts.purchase_order_id) as purchase_order_count,
        cast(sum(receipts.ordered_units) as bigint) as ordered_units,
        cast(sum(receipts.purchase_usd) as decimal(18, 2)) as ordered_usd,
        cast(coalesce(sum(receipts.line_count) filter (where receipts.receipt_date is null), 0) as bigint) as open_line_count,
        cast(coalesce(sum(receipts.line_count) filter (
            where receipts.receipt_date is null
            and receipts.order_date < {{ as_of() }} - cast(policy.open_order_max_age_days as integer)
        ), 0) as bigint) as overdue_open_line_count
    from {{ ref("int_purchase_order_receipts") }} as receipts
    cross join {{ ref("int_policy") }} as policy
    {{ in_vendor_period("receipts.order_date") }}
    group by receipts.{{ period }}
),

received as (
    select
        receipts.{{ period }},
        cast(sum(receipts.received_units) as bigint) as received_units,
        cast(sum(receipts.purchase_usd) as decimal(18, 2)) as received_usd
    from {{ ref("int_purchase_order_receipts") }} as receipts
    {{ in_vendor_period("receipts.receipt_date") }}
    where receipts.receipt_date is not null
    group by receipts.{{ period }}
),

lead_times as (
    select
        receipts.{{ period }},
        cast(receipts.receipt_date - receipts.order_date as integer) as lead_time_days,
        cast(sum(receipts.line_count) as bigint) as line_count,
        cast(sum(receipts.received_units) as bigint) as received_units
    from {{ ref("int_purchase_order_receipts") }} as receipts
    {{ in_vendor_period("receipts.order_date") }}
    where receipts.receipt_date >= receipts.order_date
    group by receipts.{{ period }}, lead_time_days
),

cumulated as (
    select
        *,
        sum(received_units) over (partition by {{ key }} order by lead_time_days) as cumulative_units,
        sum(received_units) over (partition by {{ key }}) as total_units
    from lead_times
),

observed as (
    select
        {{ key }},
        cast(sum(line_count) as bigint) as received_line_count,
        {{ weighted_mean("lead_time_days", "received_units") }} as observed_mean_lead_time_days,
        {{ weighted_sd("lead_time_days", "received_units") }} as observed_sd_lead_time_days,
        min(lead_time_days) filter (where cumulative_units >= 0.5 * total_units) as observed_p50_lead_time_days,
        min(lead_time_days) filter (where cumulative_units >= 0.9 * total_units) as observed_p90_lead_time_days
    from cumulated
    group by {{ key }}
),

due as (
    select
        deliveries.{{ period }},
        case
            when bool_and(deliveries.is_promised) then 'promised'
            when bool_or(deliveries.is_promised) then 'promised and requested'
            else 'requested'
        end as otif_basis,
        cast(sum(deliveries.due_line_count) as bigint) as due_line_count,
        cast(sum(deliveries.otif_line_count) as bigint) as otif_line_count,
        cast(sum(deliveries.early_line_count) as bigint) as early_line_count,
        cast(sum(deliveries.late_line_count) as bigint) as late_line_count,
        cast(sum(deliveries.open_late_line_count) as bigint) as open_late_line_count
    from {{ ref("int_vendor_deliveries") }} as deliveries
    {{ in_vendor_period("deliveries.due_date") }}
    where deliveries.due_line_count > 0
    group by deliveries.{{ period }}
),

settled as (
    select
        deliveries.{{ period }},
        cast(sum(deliveries.settled_line_count) as bigint) as settled_line_count,
        cast(sum(deliveries.settled_ordered_units) as bigint) as settled_ordered_units,
        cast(sum(deliveries.settled_received_units) as bigint) as settled_received_units
    from {{ ref("int_vendor_deliveries") }} as deliveries
    {{ in_vendor_period("deliveries.order_date") }}
    where deliveries.settled_line_count > 0
    group by deliveries.{{ period }}
),

prices as (
    select
        variances.{{ period }},
        cast(sum(variances.standard_usd) as decimal(18, 2)) as standard_usd,
        cast(sum(variances.purchase_price_variance_usd) as decimal(18, 2)) as purchase_price_variance_usd,
        cast(sum(variances.favourable_variance_usd) as decimal(18, 2)) as favourable_variance_usd,
        cast(sum(variances.unfavourable_variance_usd) as decimal(18, 2)) as unfavourable_variance_usd
    from {{ ref("rpt_purchase_price_variance") }} as variances
    {{ in_vendor_period("variances.month_start_date") }}
    group by variances.{{ period }}
),

invoiced as (
    select
        invoices.{{ period }},
        count(*) as invoice_count,
        cast(sum(invoices.invoiced_usd) as decimal(18, 2)) as invoiced_usd,
        cast(sum(invoices.freight_usd) as decimal(18, 2)) as freight_usd,
        cast(sum(invoices.invoiced_usd) filter (where invoices.freight_usd is not null) as decimal(18, 2)) as freighted_usd,
        count(*) filter (where invoices.payment_date is null) as unpaid_invoice_count,
        cast(coalesce(sum(invoices.invoiced_usd) filter (where invoices.payment_date is null), 0) as decimal(18, 2)) as unpaid_usd
    from {{ ref("int_invoices") }} as invoices
    {{ in_vendor_period("invoices.invoice_date") }}
    group by invoices.{{ period }}
),

-- a credit note is not paid for
paid as (
    select
        invoices.{{ period }},
        count(*) as paid_invoice_count,
        cast(sum(invoices.invoiced_usd) as decimal(18, 2)) as paid_usd,
        {{ weighted_mean("cast(invoices.payment_date - invoices.invoice_date as integer)", "invoices.invoiced_usd") }}
            as mean_payment_days
    from {{ ref("int_invoices") }} as invoices
    {{ in_vendor_period("invoices.payment_date") }}
    where invoices.payment_date is not null and invoices.invoiced_usd > 0
    group by invoices.{{ period }}
),

matched as (
    select
        matches.{{ period }},
        count(*) as invoiced_order_count,
        count(*) filter (where matches.match_status = 'matched') as matched_order_count,
        cast(sum(matches.invoiced_usd) filter (where matches.match_status <> 'invoice without order') as decimal(18, 2))
            as compared_invoiced_usd,
        cast(sum(matches.ordered_usd) filter (where matches.match_status <> 'invoice without order') as decimal(18, 2))
            as compared_ordered_usd
    from {{ ref("rpt_invoice_match") }} as matches
    {{ in_vendor_period("matches.first_invoice_date") }}
    where matches.invoice_count > 0
    group by matches.{{ period }}
),

returned as (
    select
        returns.{{ period }},
        cast(sum(returns.returned_units) as bigint) as returned_units
    from {{ ref("int_vendor_returns") }} as returns
    {{ in_vendor_period("returns.returned_date") }}
    group by returns.{{ period }}
),

inspected as (
    select
        inspections.{{ period }},
        cast(sum(inspections.inspected_units) as bigint) as inspected_units,
        cast(sum(inspections.defective_units) as bigint) as defective_units
    from {{ ref("int_inspections") }} as inspections
    {{ in_vendor_period("inspections.inspected_date") }}
    group by inspections.{{ period }}
),

pooled as (
    select
        period_type, period_start_date,
        sum(defective_units) / nullif(sum(inspected_units), 0) as pooled_defect_share
    from inspected
    group by period_type, period_start_date
),

keys as (
    {% for fact in ["ordered", "received", "due", "invoiced", "paid", "returned", "inspected"] -%}
    select {{ key }} from {{ fact }} where vendor_id is not null
    {{ "union" if not loop.last }}
    {% endfor %}
),

joined as (
    select
        keys.vendor_id, keys.period_type, keys.period_start_date, periods.period_end_date,
        coalesce(ordered.purchase_order_count, 0) as purchase_order_count,
        coalesce(ordered.ordered_units, 0) as ordered_units,
        coalesce(ordered.ordered_usd, 0) as ordered_usd,
        coalesce(received.received_units, 0) as received_units,
        coalesce(received.received_usd, 0) as received_usd,
        coalesce(observed.received_line_count, 0) as received_line_count,
        coalesce(ordered.open_line_count, 0) as open_line_count,
        coalesce(ordered.overdue_open_line_count, 0) as overdue_open_line_count,
        observed.observed_mean_lead_time_days, observed.observed_sd_lead_time_days,
        observed.observed_p50_lead_time_days, observed.observed_p90_lead_time_days,
        estimates.km_mean_lead_time_days, estimates.km_sd_lead_time_days,
        estimates.km_p50_lead_time_days, estimates.km_p90_lead_time_days,
        estimates.km_horizon_days, estimates.km_open_share,
        due.otif_basis,
        coalesce(due.due_line_count, 0) as due_line_count,
        coalesce(due.otif_line_count, 0) as otif_line_count,
        coalesce(due.early_line_count, 0) as early_line_count,
        coalesce(due.late_line_count, 0) as late_line_count,
        coalesce(due.open_late_line_count, 0) as open_late_line_count,
        coalesce(settled.settled_line_count, 0) as settled_line_count,
        -- unknown, not zero, where the files write every short delivery as a small order
        case when purchases.shows_undelivered_units then settled.settled_received_units - settled.settled_ordered_units end
            as quantity_variance_units,
        settled.settled_ordered_units,
        prices.standard_usd, prices.purchase_price_variance_usd, prices.favourable_variance_usd, prices.unfavourable_variance_usd,
        coalesce(invoiced.invoice_count, 0) as invoice_count,
        coalesce(invoiced.invoiced_usd, 0) as invoiced_usd,
        invoiced.freight_usd, invoiced.freighted_usd,
        coalesce(invoiced.unpaid_invoice_count, 0) as unpaid_invoice_count,
        coalesce(invoiced.unpaid_usd, 0) as unpaid_usd,
        coalesce(paid.paid_invoice_count, 0) as paid_invoice_count,
        coalesce(paid.paid_usd, 0) as paid_usd,
        paid.mean_payment_days,
        coalesce(matched.invoiced_order_count, 0) as invoiced_order_count,
        coalesce(matched.matched_order_count, 0) as matched_order_count,
        matched.compared_invoiced_usd, matched.compared_ordered_usd,
        -- unknown, not zero, where nobody writes adjustments down
        case when exists (select * from {{ ref("int_recorded_adjustments") }}) then coalesce(returned.returned_units, 0) end as returned_units,
        coalesce(inspected.inspected_units, 0) as inspected_units,
        coalesce(inspected.defective_units, 0) as defective_units,
        pooled.pooled_defect_share, policy.defect_prior_units, standard_normal.z_factor,
        -- whole cents: sums of squares are exact, whatever the order
        cast(coalesce(received.received_usd, 0) * 100 as hugeint) as received_cents,
        cast(coalesce(invoiced.invoiced_usd, 0) * 100 as hugeint) as invoiced_cents
    from keys
    inner join {{ ref("int_vendor_periods") }} as periods
        on keys.period_type = periods.period_type and keys.period_start_date = periods.period_start_date
    cross join {{ ref("int_policy") }} as policy
    cross join {{ ref("int_purchase_period") }} as purchases
    left join {{ ref("standard_normal") }} as standard_normal
        on round((1 + policy.defect_interval_level) / 2, 3) = standard_normal.cycle_service_level
    left join pooled on keys.period_type = pooled.period_type and keys.period_start_date = pooled.period_start_date
    left join {{ ref("int_vendor_lead_time_estimates") }} as estimates
        on keys.vendor_id = estimates.vendor_id and keys.period_type = estimates.period_type
        and keys.period_start_date = estimates.period_start_date
    {%- for fact in ["ordered", "received", "observed", "due", "settled", "prices", "invoiced", "paid", "matched", "returned", "inspected"] %}
    left join {{ fact }}
        on keys.vendor_id = {{ fact }}.vendor_id and keys.period_type = {{ fact }}.period_type
        and keys.period_start_date = {{ fact }}.period_start_date
    {%- endfor %}
),

concentrated as (
    select
        *,
        cast(received_cents as double) / nullif(cast(sum(received_cents) over everybody as double), 0) as received_spend_share,
        cast(sum(received_cents * received_cents) over everybody as double)
        / nullif(power(cast(sum(received_cents) over everybody as double), 2), 0) as received_hhi,
        cast(invoiced_cents as double) / nullif(cast(sum(invoiced_cents) over everybody as double), 0) as invoiced_spend_share,
        cast(sum(invoiced_cents * invoiced_cents) over everybody as double)
        / nullif(power(cast(sum(invoiced_cents) over everybody as double), 2), 0) as invoiced_hhi
    from joined
    window everybody as (partition by period_type, period_start_date)
)

select
    vendor_id, period_type, period_start_date, period_end_date,
    purchase_order_count, ordered_units, ordered_usd, received_units, received_usd,
    received_line_count, open_line_count, overdue_open_line_count,
    observed_mean_lead_time_days, observed_sd_lead_time_days, observed_p50_lead_time_days, observed_p90_lead_time_days,
    km_mean_lead_time_days, km_sd_lead_time_days, km_p50_lead_time_days, km_p90_lead_time_days, km_horizon_days, km_open_share,
    otif_basis, due_line_count, otif_line_count, early_line_count, late_line_count, open_late_line_count,
    otif_line_count / nullif(due_line_count, 0) as otif_share,
    settled_line_count, quantity_variance_units,
    quantity_variance_units / nullif(settled_ordered_units, 0) as quantity_variance_share,
    purchase_price_variance_usd, favourable_variance_usd, unfavourable_variance_usd,
    cast(purchase_price_variance_usd as double) / nullif(cast(standard_usd as double), 0) as purchase_price_variance_share,
    invoice_count, invoiced_usd, freight_usd,
    cast(freight_usd as double) / nullif(cast(freighted_usd as double), 0) as freight_share,
    paid_invoice_count, paid_usd, mean_payment_days, unpaid_invoice_count, unpaid_usd,
    invoiced_order_count, matched_order_count,
    matched_order_count / nullif(invoiced_order_count, 0) as invoice_match_share,
    cast(compared_invoiced_usd as double) / nullif(cast(compared_ordered_usd as double), 0) as invoiced_to_ordered_ratio,
    received_spend_share,
    received_spend_share * received_spend_share as received_hhi_contribution,
    received_hhi, received_hhi * 10000 as received_hhi_points,
    invoiced_spend_share,
    invoiced_spend_share * invoiced_spend_share as invoiced_hhi_contribution,
    invoiced_hhi, invoiced_hhi * 10000 as invoiced_hhi_points,
    returned_units,
    returned_units / nullif(received_units, 0) as returned_share,
    inspected_units, defective_units,
    defective_units / nullif(inspected_units, 0) as defect_share,
    {{ wilson_bound("defective_units", "inspected_units", "z_factor", "-1") }} as defect_share_low,
    {{ wilson_bound("defective_units", "inspected_units", "z_factor", "1") }} as defect_share_high,
    (defective_units + defect_prior_units * pooled_defect_share) / nullif(inspected_units + defect_prior_units, 0)
        as shrunk_defect_share
from concentrated
