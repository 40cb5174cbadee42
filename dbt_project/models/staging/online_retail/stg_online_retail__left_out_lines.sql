select
    case line_kind
        when 'in the later file' then 'stand in the later file too, which counts'
        when 'not goods' then 'are no goods: postage, carriage, fees, discounts, vouchers, manual entries, tests, bad debt'
        when 'no price' then 'have no price: stock written on or off, samples, gifts'
        when 'cancelled sale' then 'were cancelled'
        when 'cancellation' then 'are cancellations, each of one cancelled line'
        when 'return' then 'are returns, or cancel something that no line shows'
    end as reason,
    count(*) as line_count,
    cast(sum(ordered_units) as bigint) as units
from {{ ref("stg_online_retail__lines") }}
where line_kind <> 'sale'
group by line_kind
