{% set parameters = [
    "holding_cost_rate_per_year", "order_cost_usd_per_line", "review_period_days", "default_lead_time_days",
    "abc_a_share", "abc_b_share", "max_cover_days", "demand_history_weeks", "minimum_lead_time_lines", "dormant_days",
    "open_order_max_age_days", "otif_requested_lead_time_days", "otif_early_days", "otif_late_days",
    "otif_quantity_tolerance_share", "invoice_quantity_tolerance_share", "invoice_amount_tolerance_share",
    "defect_prior_units", "defect_interval_level", "promotion_baseline_days", "promotion_wake_days",
    "phantom_stock_probability", "dead_stock_days", "slow_cover_days", "xyz_x_cv", "xyz_y_cv", "stock_out_day_share",
    "unseen_loss_share", "hidden_stock_out_prior_counted", "hidden_stock_out_prior", "lost_sales_error_share",
    "lost_sales_hours_error_share", "champion_standard_errors", "champion_min_series",
    "transfer_cost_usd_per_line", "transfer_cost_usd_per_unit", "transfer_cover_days",
    "exception_high_usd", "exception_medium_usd", "exception_minimum_usd", "vendor_slip_recent_days", "vendor_slip_standard_errors",
    "defect_min_inspected_units", "defect_history_days", "defect_share_cap", "defect_alert_level", "defect_lot_blocked_share",
    "quarantine_max_days", "counted_defects_stay_in_stock", "photographed_defects_stay_in_stock",
    "vision_miss_cost", "vision_false_reject_cost", "vision_review_cost", "vision_expected_defect_share",
    "alert_memory_days", "alert_shown_days", "alert_kept_days",
] %}

with valid as (
    select policy_key as parameter, arg_max(policy_value, valid_from) as value
    from {{ as_known(ref("snap_policy")) }}
    where policy_table = 'policy_parameters' and {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
    group by policy_key
)

select
    {% for parameter in parameters -%}
    max(value) filter (where parameter = '{{ parameter }}') as {{ parameter }}{{ "," if not loop.last }}
    {% endfor %}
from valid
