{{ config(meta={"dagster": {"ref": {"name": "rpt_turnover"}}}) }}

-- turns and days are one number read two ways; without stock or sales there is none of them, and never an infinite one; and no unit
-- is sold twice
select period_type, period_start_date, level, level_key
from {{ ref("rpt_turnover") }}
where
    abs(inventory_turnover * days_inventory_outstanding - 365) > 1e-9
    or days_inventory_outstanding is distinct from 365 / nullif(inventory_turnover, 0)
    -- the same from what the row shows, whose cents are rounded: known days times average inventory over cost of goods sold
    or abs(days_inventory_outstanding * cogs_usd - period_days * average_inventory_usd)
    > 0.01 * (period_days + coalesce(days_inventory_outstanding, 0))
    or not isfinite(inventory_turnover) or not isfinite(gross_margin_return_on_inventory) or not isfinite(period_sell_through)
    or (average_inventory_units = 0 and inventory_turnover is not null)
    or (average_inventory_usd > 0 and (inventory_turnover is null or gross_margin_return_on_inventory is null))
    or average_inventory_units < 0 or average_below_zero_units < 0
    or (received_units = 0) <> (period_sell_through is null)
    or cohort_sold_units not between 0 and received_units
