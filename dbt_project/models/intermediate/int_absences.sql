with period as (
    select
        as_of.as_of_date, as_of.stock_start_date, as_of.as_of_date - as_of.stock_start_date + 1 as period_days,
        policy.dormant_days, policy.unseen_loss_share, policy.hidden_stock_out_prior_counted, policy.hidden_stock_out_prior
    from {{ ref("int_as_of") }} as as_of
    cross join {{ ref("int_policy") }} as policy
),

-- what a count found missing had gone since the one before
counts as (
    select item_id, location_id, count_date, greatest(-adjusted_units, 0) as missing_units
    from {{ ref("int_stock_adjustments") }}
),

counted as (
    select item_id, location_id, max(count_date) as last_count_date, max(missing_units) as most_missing_units
    from counts
    group by item_id, location_id
),

item_locations as (
    select
        stock.item_id, stock.location_id, stock.first_stocked_date, stock.last_traded_date, stock.mean_daily_demand_units,
        coalesce(counted.last_count_date, date '1900-01-01') as last_count_date,
        coalesce(counted.most_missing_units, 0) as most_missing_units,
        -- nobody knows what a loss amounts to that no count has found yet: two units, and a share of what went over the counter
        cast(floor(2 + period.unseen_loss_share * stock.sold_units) as integer) as possibly_missing_units
    from {{ ref("int_inventory_item_location") }} as stock
    left join counted on stock.item_id = counted.item_id and stock.location_id = counted.location_id
    cross join period
    -- a source that gives the hours knows better than books
    where not exists (select 1 from {{ ref("stg_stock_out_hours") }})
),

-- the one pass over the ledger: a narrow table to join with, the rest later
perhaps_low as (
    select
        ledger.item_id, ledger.location_id, ledger.inventory_date, ledger.valid_days, ledger.sold_units, ledger.closing_units,
        missing.possibly_missing_units
    from {{ ref("int_stock_ledger") }} as ledger
    inner join (
        select item_id, location_id, last_count_date, most_missing_units, possibly_missing_units from item_locations
    ) as missing
        on ledger.item_id = missing.item_id and ledger.location_id = missing.location_id
        -- stock that nobody knows counts as low, too
        and coalesce(ledger.closing_units, -1)
        <= case when ledger.inventory_date < missing.last_count_date then missing.most_missing_units else missing.possibly_missing_units end
    where ledger.inventory_date >= {{ stock_start() }}
),

-- the next count tells what was missing by then
low_stock as (
    select
        perhaps_low.item_id, perhaps_low.location_id, perhaps_low.inventory_date, perhaps_low.valid_days, perhaps_low.sold_units,
        perhaps_low.closing_units, counts.count_date as next_count_date, counts.count_date is not null as is_before_count
    from perhaps_low
    asof left join counts
        on perhaps_low.item_id = counts.item_id and perhaps_low.location_id = counts.location_id
        and perhaps_low.inventory_date < counts.count_date
    where coalesce(perhaps_low.closing_units, -1) <= coalesce(counts.missing_units, perhaps_low.possibly_missing_units)
),

-- Losses only add up until they are counted. Books that never again fall below what they show may therefore show nothing but
-- units that are no longer there; books that do fall below it had something to sell.
lowest as (
    select
        *,
        min(coalesce(closing_units, -1)) over (
            partition by item_id, location_id, next_count_date
            order by inventory_date rows between current row and unbounded following
        ) as lowest_from_here_units
    from low_stock
),

open_orders as (
    select item_id, location_id, max(order_date) as order_date
    from {{ ref("int_purchase_lines") }}
    where receipt_date is null
    group by item_id, location_id
),

-- what says that a shop wants an item: it came, or was ordered and is yet to come
deliveries as (
    select item_id, location_id, inventory_date as delivery_date from {{ ref("int_stock_ledger") }} where received_units > 0
    union all
    select item_id, location_id, order_date from open_orders
),

bare as materialized (
    select item_id, location_id, inventory_date, valid_days, sold_units, closing_units, is_before_count
    from lowest
    where coalesce(closing_units, -1) <= 0 or closing_units = lowest_from_here_units
),

-- A shelf that lay bare for long and has something again without a delivery: a unit was found, a count was wrong. That unit may
-- sell, and the item is dropped all the same, from then until a delivery.
found_again as (
    select bare.item_id, bare.location_id, bare.inventory_date, bare.valid_days, min(deliveries.delivery_date) as delivery_date
    from bare
    cross join period
    left join deliveries
        on bare.item_id = deliveries.item_id and bare.location_id = deliveries.location_id
        and bare.inventory_date < deliveries.delivery_date
    where
        bare.closing_units >= 0 and bare.valid_days > period.dormant_days
        and bare.inventory_date + bare.valid_days <= period.as_of_date
    group by bare.item_id, bare.location_id, bare.inventory_date, bare.valid_days
),

dropped_spans as (
    select
        found_again.item_id, found_again.location_id, min(found_again.inventory_date) as dropped_date,
        coalesce(found_again.delivery_date, date '9999-12-31') as back_date
    from found_again
    cross join period
    where
        found_again.delivery_date is null
        or found_again.delivery_date - (found_again.inventory_date + found_again.valid_days) > period.dormant_days
    group by found_again.item_id, found_again.location_id, found_again.delivery_date
),

stretches as materialized (
    select
        bare.*, item_locations.mean_daily_demand_units,
        case when closing_units = 0 then 'empty' when closing_units > 0 then 'hidden' else 'unknown' end as absence_state,
        -- not sold or received since: days since then, until an order says that it will come back; never in stock: not carried yet
        case
            when dropped_spans.item_id is not null then period.as_of_date - dropped_spans.dropped_date
            when open_orders.item_id is not null then null
            when item_locations.last_traded_date is null and closing_units = 0 then 99999
            when closing_units >= 0 and inventory_date >= item_locations.last_traded_date
                then period.as_of_date - item_locations.last_traded_date
        end as days_since_traded
    from bare
    cross join period
    inner join item_locations on bare.item_id = item_locations.item_id and bare.location_id = item_locations.location_id
    left join open_orders on bare.item_id = open_orders.item_id and bare.location_id = open_orders.location_id
    left join dropped_spans
        on bare.item_id = dropped_spans.item_id and bare.location_id = dropped_spans.location_id
        and bare.inventory_date >= dropped_spans.dropped_date and bare.inventory_date < dropped_spans.back_date
),

-- how long shelves stay empty that are filled again, and how many are not
filled_again as (
    select
        valid_days as days,
        cast(sum(count(*)) over (order by valid_days rows between current row and unbounded following) as double) as stretches_as_long
    from stretches
    where absence_state = 'empty' and days_since_traded is null and inventory_date + valid_days <= {{ as_of() }}
    group by valid_days
),

dropped as (
    select count(*) as item_locations
    from (
        select distinct stretches.item_id, stretches.location_id
        from stretches
        cross join period
        where stretches.days_since_traded > period.dormant_days and stretches.days_since_traded <= period.period_days
    )
),

-- of the shelves that ran out so many days ago and are still empty, the share that will be filled again: as many a day were
-- filled again after as long (and one more, for what few stretches do not show), so many a day never were
still_carried as (
    select
        tails.days_since_traded,
        case
            when tails.days_since_traded > any_value(dormant_days) then 0
            when any_value(dropped.item_locations) = 0 then 1
            else (coalesce(max(filled_again.stretches_as_long), 0) + 1) / any_value(period_days)
                / (
                    (coalesce(max(filled_again.stretches_as_long), 0) + 1) / any_value(period_days)
                    + any_value(dropped.item_locations) / any_value(period_days - dormant_days)
                )
        end as carried_probability
    from (select distinct days_since_traded from stretches where days_since_traded is not null) as tails
    cross join period
    cross join dropped
    left join filled_again on filled_again.days >= tails.days_since_traded
    group by tails.days_since_traded
)

select
    stretches.item_id, stretches.location_id,
    case when carried_probability = 0 then 'not carried' else absence_state end as absence_state,
    inventory_date as run_out_date,
    -- what was empty without a sale on the day was empty all day
    case when sold_units = 0 and closing_units = 0 then inventory_date else inventory_date + 1 end as first_absent_date,
    cast(inventory_date + valid_days - 1 as date) as last_absent_date,
    sold_units, closing_units as book_units,
    case
        when absence_state = 'empty' or carried_probability = 0 then 1
        when absence_state = 'unknown' then 0
        -- Bayes: the longer nothing was sold, the less likely that there was anything to sell
        else absence_prior / (absence_prior + (1 - absence_prior) * power(1 + mean_daily_demand_units, 1 - valid_days))
    end as absent_probability,
    case when absence_state = 'unknown' then 0 else coalesce(carried_probability, 1) end as carried_probability
from (
    select
        stretches.*,
        case when is_before_count then period.hidden_stock_out_prior_counted else period.hidden_stock_out_prior end as absence_prior
    from stretches cross join period
) as stretches
left join still_carried on stretches.days_since_traded = still_carried.days_since_traded
union all
select
    item_id, location_id, 'not stocked yet', period.stock_start_date as run_out_date, period.stock_start_date as first_absent_date,
    cast(first_stocked_date - 1 as date), 0, null, 1, 0
from item_locations
cross join period
where first_stocked_date > period.stock_start_date
