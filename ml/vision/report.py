"""The page that explains a model: what it was shown, where its threshold lies and why, what it gets wrong and where it looks.

Belongs here: one HTML file that needs nothing else. Does not belong here: measuring; every number comes from the model.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from ml.vision.baselines import NAMES
from ml.vision.data import Photo, read_photo
from ml.vision.evaluate import SHORTCUT, measures
from ml.vision.store import VisionModel
from ml.vision.threshold import cost_curve

WAYS = {"network": "the network", "network_equalised": "the network, on equalised photos", **NAMES}
WORST = 12
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.2rem; } img { max-width: 100%; }
table { border-collapse: collapse; } td, th { padding: .25rem .8rem .25rem 0; text-align: left; border-bottom: 1px solid #d8dee6; }
.worst { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1rem; } figure { margin: 0; }
figcaption { font-size: 13px; overflow-wrap: anywhere; } .warning { background: #fff3d6; padding: .7rem 1rem; border-left: 4px solid #d98e00; }
"""


def write_report(model: VisionModel, out: str | Path) -> None:
    """Write the page. Photos that are gone since training are named without a picture."""
    Path(out).write_text(report_html(model), encoding="utf-8")


def report_html(model: VisionModel) -> str:
    parts = [_head(model), _warning(model), _threshold(model), _curves(model), _mistakes(model), _limits(model)]
    body = "\n".join(part for part in parts if part)
    title = f"Defect detection, model {model.model_version}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{title}</h1>\n{body}\n</body></html>\n"
    )


def _head(model: VisionModel) -> str:
    facts, canvas = model.facts, model.canvas
    colour = "colour" if canvas.channels == 3 else "grey"
    kind = (
        "It learned from good and defective parts."
        if model.kind == "classifier"
        else "No defect was labelled: it learned from good parts alone, and what is unlike every one of them counts as defective."
    )
    return (
        f"<p>{kind} {facts['photos']:,} photos of {facts['parts']:,} parts, {facts['defective_photos']:,} of them defective; "
        f"{facts['photos_learned_from']:,} were learned from, {model.decision.validation_photos:,} of "
        f"{model.decision.validation_parts:,} other parts kept to choose the threshold. The network sees {canvas.width} x "
        f"{canvas.height} pixels, {colour}; it has {sum(w.size for w in model.weights.values()):,} weights"
        + (f" and was trained for {facts['steps']:,} steps" if facts["steps"] else ", none of them trained")
        + f" ({facts['seconds']:.0f} s).</p>"
    )


def _warning(model: VisionModel) -> str:
    guessed = model.facts.get("metadata_auroc")
    if guessed is None:
        return ""
    said = (
        f"File size, image size, brightness and contrast alone, without looking at the part, tell defective from good photos with "
        f"AUROC {guessed:.3f} on the validation photos"
    )
    if guessed < SHORTCUT:
        return f"<p>{said}: no short cut worth a warning. The network reaches {model.facts['validation_auroc']:.4f}.</p>"
    return (
        f'<p class="warning"><b>The photos carry a short cut.</b> {said}. Good and defective parts were photographed or saved '
        f"differently. The network evens out brightness and contrast of each photo and is trained under changing light, but "
        f"check it on photos taken alike: <code>stockroom vision evaluate</code> measures what it loses on equalised ones.</p>"
    )


def _threshold(model: VisionModel) -> str:
    decision, settings = model.decision, model.settings
    rows = [
        ("cost of a miss", f"{settings.miss_cost:g}"),
        ("cost of a false reject", f"{settings.false_reject_cost:g}"),
        ("cost of a look by a person", f"{settings.review_cost:g}"),
        ("expected share of defective parts", f"{decision.expected_defect_share:.2%}"),
        ("threshold (score of the network)", f"{decision.threshold:.3f}"),
        ("as a probability", f"{decision.probability(np.array([decision.threshold]))[0]:.1%}"),
        ("margin for other days (in scores)", f"{decision.margin:.3f}"),
        ("recall on the validation photos", _percent(decision.recall)),
        ("precision at the expected share", _percent(decision.precision)),
        ("good parts rejected", _percent(decision.false_reject_share)),
        ("expected cost per part", f"{decision.expected_cost:.4f}"),
        ("passing every part would cost", f"{decision.cost_of_passing_all:.4f}"),
        ("rejecting every part would cost", f"{decision.cost_of_rejecting_all:.4f}"),
        ("unsure between scores", f"{decision.unsure_from:.3f} and {decision.unsure_to:.3f}"),
        ("photos for a person to look at", _percent(decision.unsure_share)),
    ]
    table = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return (
        "<h2>The threshold is a decision</h2><p>Every threshold lets some defective parts pass and rejects some good ones. This one "
        "costs least on photos of parts that the network never saw, at the costs and the share of defects below. Thresholds "
        "transfer badly from one day to the next, so the cost is what it would be if all scores moved up or down by the margin: "
        "as much as they differ between parts of the validation photos. Where a look by a person costs less than deciding, the "
        f"verdict is <i>unsure</i>.</p><table>{table}</table>"
    )


def _curves(model: VisionModel) -> str:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found, decision = model.watched, model.decision
    labels, scores = found["is_defective"].to_numpy().astype(bool), found["defect_score"].to_numpy()
    both = labels.any() and not labels.all()
    figure, axes = pyplot.subplots(1, 3 if both else 1, figsize=(12 if both else 5, 3.6), squeeze=False)
    first = axes[0][0]
    bins = np.linspace(scores.min(), scores.max(), 40)
    for label, name, colour in ((False, "good", "#2b7a5b"), (True, "defective", "#b23a48")):
        if (labels == label).any():
            first.hist(scores[labels == label], bins=bins, alpha=0.65, color=colour, label=name)
    first.axvline(decision.threshold, color="black", linewidth=1)
    if decision.unsure_from < decision.unsure_to:
        first.axvspan(decision.unsure_from, decision.unsure_to, color="#d98e00", alpha=0.2, label="unsure")
    first.set(xlabel="score", ylabel="validation photos", title="Scores and threshold")
    first.legend(frameon=False)
    said = ""
    if both:
        costs = cost_curve(scores, labels, model.settings, decision.expected_defect_share, decision.margin)
        axes[0][1].plot(costs.thresholds, costs.cost, color="#34495e")
        axes[0][1].axvline(decision.threshold, color="black", linewidth=1)
        axes[0][1].set(xlabel="threshold", ylabel="cost per part", title="Expected cost")
        axes[0][2].plot(costs.false_rejects, costs.recall, color="#34495e")
        axes[0][2].plot([decision.false_reject_share], [decision.recall], "o", color="black")
        axes[0][2].set(xlabel="good parts rejected", ylabel="defects found", title="What can be had", xlim=(0, 0.3))
        got = measures(scores, labels)
        said = (
            f"<p>On the validation photos: AUROC {got['auroc']:.4f}; {got['recall_at_5pct']:.1%} of the defects found where 5 % of "
            f"good parts are rejected, {got['recall_at_1pct']:.1%} where 1 % are.</p>"
        )
    for axis in axes[0]:
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return f'<h2>Curves</h2>{said}<img alt="scores, cost, recall" src="{_embedded(buffer.getvalue())}">'


def _mistakes(model: VisionModel) -> str:
    from ml.vision.heatmap import heat_picture

    scores = model.watched.with_columns(gap=pl.col("defect_score") - model.decision.threshold)
    passed = scores.filter(pl.col("is_defective") & (pl.col("gap") < 0)).sort("gap", "path")
    rejected = scores.filter(~pl.col("is_defective") & (pl.col("gap") >= 0)).sort(-pl.col("gap"), "path")
    surest = scores.filter("is_defective").sort(-pl.col("gap"), "path")
    network, blocks = model.network(), []
    for title, rows in (
        ("Defective parts that would pass", passed),
        ("Good parts that would be rejected", rejected),
        ("Defects found most surely", surest),
    ):
        figures = []
        for row in one_of_each_part(rows, WORST).iter_rows(named=True):
            photo = read_photo(row["path"], model.settings.max_photo_pixels)
            picture = (
                f'<img alt="photo and heat map" src="{_embedded(heat_picture(model, network, photo))}">'
                if isinstance(photo, Photo)
                else f"<p>({html.escape(photo.reason)})</p>"
            )
            name = html.escape("/".join(Path(row["path"]).parts[-3:]))
            figures.append(f"<figure>{picture}<figcaption>{name}: score {row['defect_score']:.2f}</figcaption></figure>")
        shown = f'<div class="worst">{"".join(figures)}</div>' if figures else "<p>None among the validation photos.</p>"
        more = f" ({len(rows):,} photos; the worst of each part, at most {WORST})" if len(rows) else ""
        blocks.append(f"<h3>{title}{more}</h3>{shown}")
    return (
        "<h2>Worst mistakes, and where the network looks</h2><p>Each photo beside its heat map: what glows speaks for a defect. A heat "
        "map that glows beside the part shows a network that has learned something else.</p>" + "".join(blocks)
    )


def one_of_each_part(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """The first rows, one per part: twelve photos of one part show no more than one of it."""
    return rows.unique("part", keep="first", maintain_order=True).head(count)


def _limits(model: VisionModel) -> str:
    said: Sequence[str] = [
        "The figures hold for parts, cameras and light like those of the validation photos. Scores are watched in operation, and a "
        "sentence says when they have moved.",
        "Photos of one part are found by likeness and kept together; where parts have numbers, give them.",
    ]
    if not model.decision.is_calibrated:
        said = [*said, "Without labelled defects the probability is an upper bound, and recall is unknown."]
    return "<h2>What this does not say</h2><ul>" + "".join(f"<li>{text}</li>" for text in said) + "</ul>"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"


def _embedded(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
