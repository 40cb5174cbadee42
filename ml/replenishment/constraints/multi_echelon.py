"""One warehouse over stores: where to hold safety stock, by the guaranteed-service model.

Every stage promises to deliver within a service time. The warehouse waits `inbound` days for its supplier and takes its own lead
time; what it promises the stores, they wait. A stage holds stock for the days it must bridge alone, its net replenishment time:
inbound service time + own lead time - promised service time. Demand within the bound of z standard deviations is always met.

Belongs here: service times, base stocks and safety stock cost of one item or of many. Does not belong here: lead times and demand.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl


def place_safety_stock(warehouse: pl.DataFrame, stores: pl.DataFrame) -> pl.DataFrame:
    """Service times of least safety stock cost: one row per item and stage.

    `warehouse`: item_id, location_id, lead_time_days, inbound_service_days, holding_cost_usd (per unit and year), z_factor,
    correlation (of the stores' demand, 0 to 1). `stores`: item_id, location_id, lead_time_days (from the warehouse), mean_units,
    sd_units (per day), holding_cost_usd, z_factor, promised_service_days (to customers; 0 in a shop). Days are whole.
    Returns item_id, location_id, stage, inbound_service_days, service_days, net_replenishment_days, safety_stock_units,
    base_stock_units, safety_stock_cost_usd (per year). Of equal costs the shortest service time of the warehouse.
    """
    parts = []
    for (item,), own in stores.sort("item_id", "location_id").group_by("item_id", maintain_order=True):
        parts.append(_of_item(warehouse.row(by_predicate=pl.col("item_id") == item, named=True), own))
    return pl.concat(parts) if parts else _rows([])


def _of_item(hub: dict, stores: pl.DataFrame) -> pl.DataFrame:
    sd = stores["sd_units"].to_numpy()
    pooled = math.sqrt(float(((1 - hub["correlation"]) * (sd**2).sum()) + hub["correlation"] * sd.sum() ** 2))
    longest = int(hub["inbound_service_days"] + hub["lead_time_days"])
    lead, promised = stores["lead_time_days"].to_numpy(), stores["promised_service_days"].to_numpy()
    weight = stores["holding_cost_usd"].to_numpy() * stores["z_factor"].to_numpy() * sd
    # a store promises all the time it may: longer promises never cost more
    best_cost, best = math.inf, 0
    for service in range(longest + 1):
        net = np.maximum(service + lead - promised, 0)
        cost = float((weight * np.sqrt(net)).sum()) + hub["holding_cost_usd"] * hub["z_factor"] * pooled * math.sqrt(
            longest - service
        )
        if cost < best_cost - 1e-9:
            best_cost, best = cost, service
    rows = [
        _stage(
            hub["item_id"], hub["location_id"], "warehouse", int(hub["inbound_service_days"]), best, longest - best,
            float(stores["mean_units"].sum()), pooled, hub["z_factor"], hub["holding_cost_usd"],
        )
    ]  # fmt: skip
    for row in stores.iter_rows(named=True):
        net = max(best + row["lead_time_days"] - row["promised_service_days"], 0)
        service = best + row["lead_time_days"] - net
        rows.append(
            _stage(
                row["item_id"], row["location_id"], "store", best, service, net, row["mean_units"], row["sd_units"],
                row["z_factor"], row["holding_cost_usd"],
            )
        )  # fmt: skip
    return _rows(rows)


def _stage(item, location, stage, inbound, service, net, mean, sd, z, holding) -> tuple:
    safety = z * sd * math.sqrt(net)
    return item, location, stage, inbound, service, net, safety, mean * net + safety, holding * safety


def _rows(rows: list[tuple]) -> pl.DataFrame:
    schema = {
        "item_id": pl.Int32, "location_id": pl.Int32, "stage": pl.String, "inbound_service_days": pl.Int32,
        "service_days": pl.Int32, "net_replenishment_days": pl.Int32, "safety_stock_units": pl.Float64,
        "base_stock_units": pl.Float64, "safety_stock_cost_usd": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")
