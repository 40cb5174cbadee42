"""Pictures in the metadata of assets: what Dagster's page shows beside a run, drawn from the frames the asset has just written.

Belongs here: which picture an estimate deserves, as Markdown. Does not belong here: geometry (publish.report.charts), estimation.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import polars as pl
from markupsafe import Markup

from dagster_project.publish.report.charts import Bar, Line, bar_chart, line_chart

PICTURED = ("forecast_hierarchy", "model_metrics")
"""Tables of the forecast that have a picture."""
HISTORY_WEEKS = 26
WORST_PHOTOS = 4
_SHARES = ("precision_share", "recall_share", "false_reject_share", "review_share")
_THUMB_PX = 160
_STYLE = Path(__file__).parent / "publish" / "report" / "page.css"


def forecast_pictures(frames: Mapping[str, pl.DataFrame], history: pl.DataFrame) -> dict[str, dict[str, dg.MetadataValue]]:
    """Per table: the chain's forecast by week after what was wanted before (rows of ftr_demand_weekly), and the backtest's error by model."""
    chain = frames["forecast_hierarchy"].filter(pl.col("level") == "chain").sort("week_start_date")
    past = history.group_by("week_start_date").agg(pl.col("demand_units").sum()).sort("week_start_date").tail(HISTORY_WEEKS)
    weeks = [*past["week_start_date"], *chain["week_start_date"]]
    known, ahead = past["demand_units"].to_list(), chain["reconciled_units"].to_list()
    scores = frames["model_metrics"].filter((pl.col("segment") == "all") & pl.col("wape").is_not_null()).sort("wape")
    lines = [
        Line("demand", [*known, *[None] * len(ahead)], "c0"),
        Line("forecast", [*[None] * max(0, len(known) - 1), *known[-1:], *ahead], is_dashed=True),
    ]
    bars = [Bar(row["model"], row["wape"]) for row in scores.to_dicts()]
    return {
        "forecast_hierarchy": _shown(
            forecast=line_chart(
                "All stores, units per week: demand, then the forecast (dashed)",
                [str(day) for day in weeks],
                lines,
                "units",
                upright=len(known) - 1 if known else None,
            )
        ),
        "model_metrics": _shown(accuracy=bar_chart("Backtest: absolute error over sales (WAPE) by model", bars, "share")),
    }


def cost_curve_picture(curve: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """What another service level would have cost, from the rows of policy_what_if."""
    rows = curve.group_by("value").agg(pl.col("^.*_usd$").sum()).sort("value")
    parts = (("holding_cost_usd", "holding", "c1"), ("lost_margin_usd", "lost margin", "c3"), ("total_cost_usd", "total", "c0"))
    lines = [Line(said, rows[name].to_list(), css) for name, said, css in parts]
    values = rows["value"].to_list()
    return _shown(
        cost_curve=line_chart("USD by service level", [f"{value:.1%}" for value in values], lines, "usd", at=values or [0.0])
    )


def photo_pictures(
    models: pl.DataFrame, scores: pl.DataFrame, labelled: pl.DataFrame, paths: pl.DataFrame
) -> dict[str, dg.MetadataValue]:
    """Photos of the list that a person labelled, by what the model said; its shares on photos held out; the photos most likely defective.

    The model may have learned from the labelled ones, so the matrix flatters it; the shares do not.
    """
    said = scores.join(labelled.select("photo_hash", "is_defective"), on="photo_hash", how="inner")
    counts = said.group_by("is_defective", "verdict").len()
    known = {(row["is_defective"], row["verdict"]): row["len"] for row in counts.to_dicts()}
    verdicts = sorted({verdict for _, verdict in known} | {"defective", "good"})
    lines = [
        f"| a person says | {' | '.join(verdicts)} |",
        f"|---|{'---|' * len(verdicts)}",
        *(
            f"| {name} | {' | '.join(str(known.get((label, verdict), 0)) for verdict in verdicts)} |"
            for name, label in (("good", False), ("defective", True))
        ),
    ]
    worst = scores.filter(pl.col("defect_score").is_not_null()).sort("defect_score", "photo", descending=[True, False])
    shown = worst.head(WORST_PHOTOS).join(paths.select("photo", "path"), on="photo", how="inner", maintain_order="left")
    found = {"confusion_matrix": dg.MetadataValue.md("\n".join(lines))} if known else {}
    for row in models.to_dicts():
        shares = [f"| {name} | {row[name]:.1%} |" for name in _SHARES if row[name] is not None]
        found["on_photos_held_out"] = dg.MetadataValue.md("\n".join(["| measure | share |", "|---|---|", *shares]))
    if shown.height:
        found["worst_photos"] = dg.MetadataValue.md(
            "\n\n".join(f"{row['photo']}: {row['reason']}\n\n{_thumb(Path(row['path']))}" for row in shown.to_dicts())
        )
    return found


def _shown(**charts: Markup) -> dict[str, dg.MetadataValue]:
    return {name: dg.MetadataValue.md(_image("svg+xml", _standing_alone(svg).encode())) for name, svg in charts.items() if svg}


def _standing_alone(svg: Markup) -> str:
    """A chart of the report with the light colours of its page inside, since here there is no page around it."""
    text = _STYLE.read_text()
    root = re.search(r":root\s*{(.*?)}", text, re.S)
    rules = [line for line in text.splitlines() if line.startswith("svg ")]
    style = f":root{{{root[1] if root else ''}}} svg{{background:#fff}} {' '.join(rules)}"
    return (
        str(svg)
        .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" width="520" ', 1)
        .replace(">", f"><style>{style}</style>", 1)
    )


def _thumb(path: Path) -> str:
    from PIL import Image

    try:
        with Image.open(path) as photo:
            small = photo.convert("RGB")
            small.thumbnail((_THUMB_PX, _THUMB_PX))
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=70)
    except OSError:
        return "(the photo cannot be read)"
    return _image("jpeg", buffer.getvalue())


def _image(kind: str, content: bytes) -> str:
    return f"![](data:image/{kind};base64,{base64.b64encode(content).decode()})"
