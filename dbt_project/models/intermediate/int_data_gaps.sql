{#- what no single file is needed for: name, whether it is known, what its absence changes, and what would fill it -#}
{%- set facts = [
    (
        "stock", "(select is_stock_known from " ~ ref("int_as_of") ~ ")",
        "stock was never counted: there is no stock value, turnover, ageing or shrinkage, and target levels stand instead of orders",
        "a file stock_counts.csv with what was counted on one day",
    ),
    (
        "stock_outs",
        "(select is_stock_known from " ~ ref("int_as_of") ~ ") or exists (select 1 from " ~ ref("stg_stock_out_hours") ~ ")",
        "nobody knows when an item was out of stock: sales are taken for demand, and service cannot be measured",
        "a file stock_counts.csv, or a source that reports stock-out hours",
    ),
    (
        "stock_checks", "exists (select 1 from " ~ ref("int_stock_adjustments") ~ ")",
        "no count checks the books, so shrinkage of unknown cause cannot be told",
        "a count after the first one",
    ),
    (
        "purchases", "exists (select 1 from " ~ ref("int_purchase_lines") ~ ")",
        "no order, receipt or lead time is known: the default lead time of the policy stands, and nothing is known to be on order",
        "a source that holds purchases",
    ),
    (
        "vendors", "exists (select 1 from " ~ ref("int_vendors") ~ ")",
        "nothing says from whom to buy", "a source that names vendors",
    ),
    (
        "costs", "exists (select 1 from " ~ ref("int_products") ~ " where unit_cost_usd is not null)",
        "nothing is valued at cost, classes follow revenue or units, and no economic order quantity is drawn up",
        "a file price_history.csv with purchase_price_usd",
    ),
    (
        "revenue", "exists (select 1 from " ~ ref("stg_sales") ~ " where revenue_usd > 0)",
        "what was paid for the goods is not known, and revenue is 0", "a source whose sales have a price",
    ),
    (
        "invoices", "exists (select 1 from " ~ ref("stg_invoices") ~ ")",
        "no freight and no payment days", "a source that holds vendor invoices",
    ),
] -%}
-- depends_on: {{ ref("ingest_summary") }}

with own_files as (
    select
        file_kind as input_name, 'file of the source' as input_kind, absence as effect,
        'the file ' || file_kind || ' of the source ' || adapter as remedy
    from {{ ref("ingest_summary") }}
    where
        file_count = 0 and absence <> '' and adapter <> 'optional'
        and adapter in (select used.adapter from {{ ref("ingest_summary") }} as used where used.file_count > 0)
),

optional_files as (
    {%- for file in optional_files() %}
    select
        file_kind as input_name, 'optional file' as input_kind, absence as effect,
        {{ quote_literal("a file " ~ file.file_names) }} as remedy
    from {{ ref("ingest_summary") }}
    where
        adapter = 'optional' and file_kind = '{{ file.file_kind }}'
        {%- if file.adds_to_known %}
        -- what the source itself says is there, and this file would add to it
        and file_count = 0 and exists (select 1 from {{ file.relation }})
        {%- else %}
        -- the source's own files may say it too
        and not exists (select 1 from {{ file.relation }})
        {%- endif %}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

facts as (
    {%- for name, is_known, effect, remedy in facts %}
    select '{{ name }}' as input_name, 'not told by any file' as input_kind, {{ quote_literal(effect) }} as effect, {{ quote_literal(remedy) }} as remedy
    where not ({{ is_known }})
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

gaps as (
    select * from own_files
    union all
    select * from optional_files
    union all
    select * from facts where input_name not in (select input_name from own_files)
),

needs as (
    {%- for line in table_needs() %}
    select '{{ line.table_name }}' as table_name, {{ quote_literal(line.need) }} as need, '{{ line.input_name }}' as input_name
    {{ "union all" if not loop.last }}
    {%- else %}
    select cast(null as varchar) as table_name, cast(null as varchar) as need, cast(null as varchar) as input_name where false
    {%- endfor %}
),

-- a table is empty where every alternative of one of its needs is missing
unmet as (
    select needs.table_name, needs.need
    from needs
    left join gaps on needs.input_name = gaps.input_name
    group by needs.table_name, needs.need
    having count(*) = count(gaps.input_name)
),

emptied as (
    select needs.input_name, string_agg(distinct needs.table_name, ', ' order by needs.table_name) as empty_tables
    from needs
    inner join unmet on needs.table_name = unmet.table_name and needs.need = unmet.need
    group by needs.input_name
)

select gaps.input_name, gaps.input_kind, gaps.effect, gaps.remedy, emptied.empty_tables
from gaps
left join emptied on gaps.input_name = emptied.input_name
