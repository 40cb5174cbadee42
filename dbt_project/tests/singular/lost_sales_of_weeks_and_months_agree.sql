-- the same spells, cut at the ends of weeks or of months, lose the same
with weeks as (
    select item_id, location_id, sum(lost_units) as lost_units from {{ ref("int_lost_sales_weekly") }} group by item_id, location_id
),

months as (
    select item_id, location_id, sum(lost_units) as lost_units from {{ ref("int_lost_sales") }} group by item_id, location_id
)

select *
from weeks
full join months using (item_id, location_id)
where abs(coalesce(weeks.lost_units, 0) - coalesce(months.lost_units, 0)) > 1e-4
