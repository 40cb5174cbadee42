-- first in, first out: units leave in the order in which they came. Think of all units of an item at a store as one queue, the
-- opening count first; a month's receipts have a stretch of it, and sales and losses take the queue from its front.
with moved as (
    select
        item_id, location_id, month_start_date, received_units, sold_units,
        greatest(difference_units, 0) as found_units,
        greatest(-difference_units, 0) as lost_units,
        -- opening count, receipts and units found
        change_units + sold_units + greatest(-difference_units, 0) as arrived_units
    from (
        -- what was recorded and what was counted, as at the end of the month
        select *, recorded_adjustment_units + adjusted_units as difference_units
        from {{ ref("int_inventory_item_location_month") }}
        where is_stock_known
    )
),

queued as (
    select
        item_id, location_id, month_start_date, received_units, lost_units,
        -- within a month: the opening count, then receipts, then units found; and sales before losses, as a count closes a day
        sum(cast(arrived_units as double)) over months_so_far - received_units - found_units as queued_before_units,
        sum(cast(sold_units + lost_units as double)) over months_so_far - lost_units as gone_before_loss_units,
        sum(cast(sold_units as double)) over months_so_far as sold_so_far_units,
        sum(cast(sold_units as double)) over (partition by item_id, location_id) as sold_units
    from moved
    window months_so_far as (partition by item_id, location_id order by month_start_date rows unbounded preceding)
),

-- a loss after the last sale takes nothing from what was sold, so that usually none is left here
losses as (
    select item_id, location_id, lost_units, gone_before_loss_units
    from queued
    where lost_units > 0 and sold_so_far_units < sold_units
),

lost as (
    select
        queued.item_id, queued.location_id, queued.month_start_date,
        sum(losses.lost_units) as lost_before_last_sale_units,
        sum(greatest(
            least(queued.queued_before_units + queued.received_units, losses.gone_before_loss_units + losses.lost_units)
            - greatest(queued.queued_before_units, losses.gone_before_loss_units),
            0
        )) as cohort_lost_units
    from queued
    inner join losses on queued.item_id = losses.item_id and queued.location_id = losses.location_id
    where queued.received_units > 0
    group by queued.item_id, queued.location_id, queued.month_start_date
)

select
    queued.item_id, queued.location_id, queued.month_start_date, queued.received_units,
    cast(
        greatest(least(
            queued.sold_units + coalesce(lost.lost_before_last_sale_units, 0) - queued.queued_before_units, queued.received_units
        ), 0) - coalesce(lost.cohort_lost_units, 0) as integer
    ) as cohort_sold_units
from queued
left join lost
    on queued.item_id = lost.item_id and queued.location_id = lost.location_id and queued.month_start_date = lost.month_start_date
where queued.received_units > 0
