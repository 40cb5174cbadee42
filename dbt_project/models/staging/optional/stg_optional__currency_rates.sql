-- the files' own rates for a currency replace all of the seed's for it: mixing two sources would invent jumps
with own as (
    select currency, valid_from, max(usd_per_unit) as usd_per_unit
    from {{ ref("base_optional__currency_rates") }}
    where reject is null
    group by currency, valid_from
)

select currency, valid_from, usd_per_unit from own
union all
select currency, valid_from, usd_per_unit
from {{ ref("currency_rates") }}
where currency not in (select currency from own)
