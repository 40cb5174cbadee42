"""Forecasts: what was sold, what will sell, within which interval, and how good the models were.

Belongs here: demand. Does not belong here: what follows from it.
"""

from __future__ import annotations

from datetime import date, timedelta

from dagster_project.publish.report.blocks import Column, Figure, Section, Table
from dagster_project.publish.report.charts import Band, Line, Point, line_chart, scatter_chart
from dagster_project.publish.report.formats import joined, plural
from dagster_project.publish.report.reader import Reader

_TOP, _PAST_WEEKS, _CHAIN_WEEKS, _SPOTS = 4, 26, 52, 250


def forecasts(read: Reader) -> Section:
    """The chain, the items that matter most, and each model's error."""
    found = read.one("select max(as_of_date) as as_of, count(distinct (item_id, location_id)) as series from rec_demand_forecast")
    tables = [*_models(read), *_over_time(read)]
    figures = [*_spots(read)]
    if found["as_of"] is None:
        notes = ["There are no forecasts yet: they come with a whole run (`stockroom run`)."]
        return Section("forecasts", "Forecasts", "", figures=figures, tables=tables, notes=notes)
    figures = [*_chain(read, found["as_of"]), *_items(read, found["as_of"]), *figures]
    moved = read.rows("select name, kind from ml_forecast_drift where is_drifting order by kind, name")
    lead = f"{plural(found['series'], 'item in a store', 'items in stores')} are forecast week by week. "
    lead += (
        f"Moved, so that models should learn again: {', '.join(row['name'] for row in moved)}."
        if moved
        else "No input and no error has moved."
    )
    return Section("forecasts", "Forecasts", lead, figures=[f for f in figures if f.svg], tables=tables)


def _weeks(as_of: date, count: int) -> list[date]:
    """First days of the `count` weeks that end with the as-of day: a forecast's weeks go on from there."""
    return [as_of + timedelta(days=1 - 7 * back) for back in range(count, 0, -1)]


def _chain(read: Reader, as_of: date) -> list[Figure]:
    ahead = read.rows(
        "select week_start_date, reconciled_units from ml_forecast_hierarchy where level = 'chain' order by week_start_date"
    )
    if not ahead:
        return []
    sold = _sold(read, as_of, _CHAIN_WEEKS, "")
    weeks = _weeks(as_of, _CHAIN_WEEKS)
    first = next((place for place, week in enumerate(weeks) if sold.get(week)), 0)
    weeks = weeks[first:]
    labels = [f"{week}" for week in weeks] + [f"{row['week_start_date']}" for row in ahead]
    past = [float(sold.get(week, 0)) for week in weeks]
    lines = [
        Line("sold", [*past, *[None] * len(ahead)]),
        Line(
            "forecast", [*[None] * (len(past) - 1), *past[-1:], *[row["reconciled_units"] for row in ahead]], "c2", is_dashed=True
        ),
    ]
    svg = line_chart("All stores, units per week", labels, lines, "units", upright=len(past) - 1)
    caption = "Weeks that end with the as-of day; the forecast adds up from all items"
    legend = [("c1", "sold", "fct_sales_daily.sold_units"), ("c2", "forecast", "ml_forecast_hierarchy.reconciled_units")]
    return [Figure("All stores, units per week", svg, caption, legend)]


def _items(read: Reader, as_of: date) -> list[Figure]:
    """The items in stores of which most money is expected to be sold."""
    top = read.rows(
        f"""
        select item_id, location_id, any_value(item_name) as item_name, any_value(location_name) as location_name, coalesce(any_value(model), 'model unknown') as model
        from rec_demand_forecast as forecast
        left join dim_product as product using (item_id, item_name)
        group by item_id, location_id
        order by sum(mean_units) * coalesce(any_value(product.unit_cost_usd), 0) desc, sum(mean_units) desc, item_id, location_id limit {_TOP}
        """
    )
    figures = []
    for item in top:
        keys = (item["item_id"], item["location_id"])
        ahead = read.rows(
            """
            select week_start_date, planned_units, mean_units, p10_units, p90_units from rec_demand_forecast
            where item_id = ? and location_id = ? order by week_start_date
            """,
            *keys,
        )
        sold = _sold(read, as_of, _PAST_WEEKS, "and item_id = ? and location_id = ?", *keys)
        past = [float(sold.get(week, 0)) for week in _weeks(as_of, _PAST_WEEKS)]
        labels = [f"{week}" for week in _weeks(as_of, _PAST_WEEKS)] + [f"{row['week_start_date']}" for row in ahead]
        gap = [None] * len(past)
        lines = [
            Line("sold", [*past, *[None] * len(ahead)]),
            Line("forecast", [*gap, *[row["mean_units"] for row in ahead]], "c2", is_dashed=True),
        ]
        band = Band(
            "8 of 10 weeks", [*gap, *[row["p10_units"] for row in ahead]], [*gap, *[row["p90_units"] for row in ahead]], "c2"
        )
        title = joined(item["item_name"], item["location_name"])
        empty = _empty_weeks(read, as_of, *keys)
        shaded = [place for place, week in enumerate(_weeks(as_of, _PAST_WEEKS)) if week in empty]
        figures.append(
            Figure(
                title,
                line_chart(f"{title}, units per week", labels, lines, "units", band, upright=len(past) - 1, shaded=shaded),
                f"Units sold, not units wanted, per week; {item['model'].replace('_', ' ')}",
                [
                    ("c1", "sold", "fct_sales_daily.sold_units"),
                    ("c2", "forecast", "rec_demand_forecast.mean_units"),
                    ("c2 soft", "8 of 10 weeks", "rec_demand_forecast.p90_units"),
                    *([("gap", "no stock on a day", "fct_inventory_daily.closing_units")] if shaded else []),
                ],
            )
        )
    return figures


def _sold(read: Reader, as_of: date, weeks: int, more: str, *keys: int) -> dict[date, int]:
    rows = read.rows(
        f"""
        select ?::date - 6 - 7 * ((?::date - sale_date) // 7)::integer as week, sum(sold_units)::bigint as units
        from fct_sales_daily where sale_date > ?::date - {7 * weeks} and sale_date <= ?::date {more} group by week
        """,
        as_of, as_of, as_of, as_of, *keys,
    )  # fmt: skip
    return {row["week"]: row["units"] for row in rows}


def _empty_weeks(read: Reader, as_of: date, item_id: int, location_id: int) -> set[date]:
    """Weeks with a day that ended without stock: what was sold then is not what was wanted."""
    rows = read.rows(
        f"""
        select distinct ?::date - 6 - 7 * ((?::date - day) // 7)::integer as week
        from (
            select unnest(generate_series(greatest(inventory_date, ?::date - {7 * _PAST_WEEKS - 1}), least(inventory_date + valid_days - 1, ?::date), interval 1 day))::date as day
            from fct_inventory_daily
            where item_id = ? and location_id = ? and closing_units <= 0 and inventory_date + valid_days > ?::date - {7 * _PAST_WEEKS}
        )
        """,
        as_of, as_of, as_of, as_of, item_id, location_id, as_of,
    )  # fmt: skip
    return {row["week"] for row in rows}


def _spots(read: Reader) -> list[Figure]:
    """Actual against predicted in the backtest, per item in a store: what was sold on average is the mean error over the relative one."""
    rows = read.rows(
        f"""
        select item_name, location_name, coalesce(champion_model, 'model unknown') as champion_model, mae_units / wape as sold, mae_units / wape + bias_units as predicted
        from rec_champion where wape > 0 and mae_units > 0
        order by sold desc, item_id, location_id limit {_SPOTS}
        """
    )
    points = [
        Point(row["sold"], row["predicted"], joined(row["item_name"], row["location_name"], row["champion_model"]))
        for row in rows
    ]
    title = "Actual against predicted"
    svg = scatter_chart(title, points, "sold, units", "predicted, units", "units", "units", is_equal=True)
    caption = (
        f"Backtest of the model in use, means over its horizon; the {len(points)} largest items in stores; on the line: no bias"
    )
    return [Figure(title, svg, caption, of="rec_champion.bias_units")] if points else []


def _models(read: Reader) -> list[Table]:
    rows = read.rows(
        """
        select
            replace(model, '_', ' ') as model, coalesce(used.series, 0) as used, wape, bias_units, coverage_80, scaled_pinball, decision_cost_usd
        from ml_model_metrics
        left join (select champion_model as model, count(*) as series from rec_champion group by all) as used using (model)
        where segment = 'all' order by decision_cost_usd nulls last, wape nulls last, model
        """
    )
    if not rows:
        return []
    of = "ml_model_metrics."
    columns = [
        Column("Model", of=of + "model"),
        Column("In use for", "count", "rec_champion.champion_model", "items in stores"),
        Column("WAPE", "share", of + "wape"),
        Column("Bias", "number", of + "bias_units", "units"),
        Column("In the 80% interval", "share", of + "coverage_80"),
        Column("Scaled pinball", "number", of + "scaled_pinball"),
        Column("Cost of its orders", "price", of + "decision_cost_usd", "USD per series and week"),
    ]
    note = "Backtest over all series. The cost of the orders it leads to chooses the model; accuracy stands beside it and chooses nothing."
    return [Table("How good each model is", columns, [list(row.values()) for row in rows], note=note)]


def _over_time(read: Reader) -> list[Table]:
    rows = read.rows(
        """
        select as_of_date, replace(model, '_', ' ') as model, scored_weeks, sold_units, sold_units * (1 + bias_share) as predicted, wape, coverage_80
        from rpt_forecast_accuracy where abc_class = 'all' order by as_of_date desc, model limit 12
        """
    )
    if not rows:
        return []
    of = "rpt_forecast_accuracy."
    columns = [
        Column("Forecast of", "date", of + "as_of_date"),
        Column("Model", of=of + "model"),
        Column("Weeks scored", "count", of + "scored_weeks"),
        Column("Sold since", "units", of + "sold_units"),
        Column("Was predicted", "units", of + "bias_share"),
        Column("WAPE", "share", of + "wape"),
        Column("In the 80% interval", "share", of + "coverage_80"),
    ]
    return [Table("What was forecast, and what was sold since", columns, [list(row.values()) for row in rows])]
