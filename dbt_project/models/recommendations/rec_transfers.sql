select
    transfers.as_of_date, transfers.item_id, products.item_name, transfers.from_location_id, transfers.to_location_id, transfers.transfer_units,
    cast(transfers.transfer_units * products.unit_cost_usd as decimal(18, 2)) as transfer_usd,
    cast(transfers.saving_usd as decimal(18, 2)) as saving_usd, transfers.reason
from {{ ref("stg_ml__order_transfers") }} as transfers
inner join {{ ref("int_products") }} as products on transfers.item_id = products.item_id
