{% set parameters = [
    "holding_cost_rate_per_year", "order_cost_usd_per_line", "review_period_days", "default_lead_time_days",
    "abc_a_share", "abc_b_share", "max_cover_days", "demand_history_weeks", "minimum_lead_time_lines",
    "dormant_days", "open_order_max_age_days", "unseen_loss_share", "hidden_stock_out_prior_counted", "hidden_stock_out_prior",
    "lost_sales_error_share", "lost_sales_hours_error_share",
] %}

select
    {% for parameter in parameters -%}
    max(value) filter (where parameter = '{{ parameter }}') as {{ parameter }}{{ "," if not loop.last }}
    {% endfor %}
from {{ ref("policy_parameters") }}
where {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
