{{ config(meta={"dagster": {"ref": {"name": "rpt_vendor_scorecard"}}}) }}

-- every unit and every dollar ordered, received and invoiced stands in the marts, once
with lines as (
    select
        cast(sum(ordered_units) as bigint) as ordered_units, cast(sum(received_units) as bigint) as received_units,
        coalesce(sum(purchase_usd), 0) as ordered_usd,
        coalesce(sum(purchase_usd) filter (where receipt_date is not null), 0) as received_usd
    from {{ ref("int_purchase_lines") }}
),

invoices as (
    select coalesce(sum(invoiced_usd), 0) as invoiced_usd from {{ ref("int_invoices") }}
),

matches as (
    select
        cast(sum(ordered_units) as bigint) as ordered_units, cast(sum(received_units) as bigint) as received_units,
        sum(ordered_usd) as ordered_usd, sum(received_usd) as received_usd, sum(invoiced_usd) as invoiced_usd
    from {{ ref("rpt_invoice_match") }}
),

scores as (
    select
        cast(sum(ordered_units) as bigint) as ordered_units, cast(sum(received_units) as bigint) as received_units,
        sum(ordered_usd) as ordered_usd, sum(received_usd) as received_usd, sum(invoiced_usd) as invoiced_usd
    from {{ ref("rpt_vendor_scorecard") }}
    where period_type = 'all'
),

prices as (
    select cast(sum(received_units) as bigint) as received_units, coalesce(sum(received_usd), 0) as received_usd
    from {{ ref("rpt_purchase_price_variance") }}
)

select lines.*, invoices.*, matches.*, scores.*, prices.*
from lines
cross join invoices
cross join matches
cross join scores
cross join prices
where
    lines.ordered_units is distinct from matches.ordered_units or lines.received_units is distinct from matches.received_units
    or lines.ordered_usd <> matches.ordered_usd or lines.received_usd <> matches.received_usd
    or invoices.invoiced_usd <> matches.invoiced_usd
    or lines.ordered_units is distinct from scores.ordered_units or lines.received_units is distinct from scores.received_units
    or lines.ordered_usd <> scores.ordered_usd or lines.received_usd <> scores.received_usd
    or invoices.invoiced_usd <> scores.invoiced_usd
    or lines.received_units is distinct from prices.received_units or lines.received_usd <> prices.received_usd
