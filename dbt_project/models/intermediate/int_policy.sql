{% set parameters = [
    "holding_cost_rate_per_year", "order_cost_usd_per_line", "review_period_days", "default_lead_time_days",
    "abc_a_share", "abc_b_share", "max_cover_days", "demand_history_weeks", "minimum_lead_time_lines",
    "dormant_days", "open_order_max_age_days", "phantom_stock_probability", "dead_stock_days", "slow_cover_days",
    "xyz_x_cv", "xyz_y_cv",
] %}

select
    {% for parameter in parameters -%}
    max(value) filter (where parameter = '{{ parameter }}') as {{ parameter }}{{ "," if not loop.last }}
    {% endfor %}
from {{ ref("policy_parameters") }}
where {{ as_of() }} between valid_from and coalesce(valid_to, date '9999-12-31')
