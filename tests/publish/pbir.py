"""A check of PBIR, the JSON of a Power BI report: the shape of each part as Microsoft documents it, and that the parts fit together.

The shapes are written here by hand, from the documentation and for what Stockroom writes: closed objects, so that a property nobody
documented is refused. Microsoft's own schemas are not part of this repository; test_powerbi_schemas.py runs those of a clone.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath

import jsonschema

_WEB = "https://developer.microsoft.com/json-schemas/fabric"


class PbirError(ValueError):
    """The report is broken."""


def _object(required: dict, optional: dict | None = None) -> dict:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


_STRING, _NUMBER, _BOOLEAN = {"type": "string", "minLength": 1}, {"type": "number", "minimum": 0}, {"type": "boolean"}
_NAME = {"type": "string", "pattern": r"^[\w-]{1,50}$"}
_ENTITY = _object({"SourceRef": _object({"Entity": _STRING})})
_SOURCE = _object({"SourceRef": _object({"Source": _STRING})})
_LITERAL = _object(
    {"Literal": _object({"Value": {"type": "string", "pattern": r"^('.*'|-?\d+L|-?\d+(\.\d+)?D|true|false|null)$"}})}
)
_COLUMN = _object({"Column": _object({"Expression": _ENTITY, "Property": _STRING})})
_MEASURE = _object({"Measure": _object({"Expression": _ENTITY, "Property": _STRING})})
_SUM = _object({"Aggregation": _object({"Expression": _COLUMN, "Function": {"enum": [0, 1, 2, 3, 4, 5]}})})
_FILTERED = _object({"Column": _object({"Expression": _SOURCE, "Property": _STRING})})
_CONDITION = {
    "oneOf": [
        _object({"In": _object({"Expressions": {"type": "array", "items": _FILTERED}, "Values": {"type": "array", "items": {"type": "array", "items": _LITERAL}}})}),
        _object({"Comparison": _object({"ComparisonKind": {"enum": [0, 1, 2, 3, 4]}, "Left": _FILTERED, "Right": _LITERAL})}),
    ]
}  # fmt: skip
_FILTER = _object({
    "name": _NAME, "field": _COLUMN, "type": {"enum": ["Categorical", "Advanced"]},
    "filter": _object({
        "Version": {"const": 2},
        "From": {"type": "array", "minItems": 1, "items": _object({"Name": _STRING, "Entity": _STRING, "Type": {"const": 0}})},
        "Where": {"type": "array", "minItems": 1, "items": _object({"Condition": _CONDITION})},
    }),
})  # fmt: skip
_PROJECTION = _object({"field": {"oneOf": [_COLUMN, _MEASURE, _SUM]}, "queryRef": _STRING, "nativeQueryRef": _STRING})
_ROLE = _object({"projections": {"type": "array", "minItems": 1, "items": _PROJECTION}})
_SHOWN = {
    "type": "array",
    "items": _object({"properties": {"type": "object", "additionalProperties": _object({"expr": _LITERAL})}}),
}

# kinds of visual in use: their wells, those that must be filled, and those that take one field only
_VISUALS = {
    "card": ({"Values"}, {"Values"}, {"Values"}),
    "slicer": ({"Values"}, {"Values"}, set()),
    "tableEx": ({"Values"}, {"Values"}, set()),
    "lineChart": ({"Category", "Series", "Y", "Y2", "Rows", "Tooltips"}, {"Category", "Y"}, {"Series"}),
    "clusteredBarChart": ({"Category", "Series", "Y", "Rows", "Tooltips"}, {"Category", "Y"}, {"Series"}),
    "scatterChart": ({"Category", "Series", "X", "Y", "Size", "Play", "Tooltips"}, {"X", "Y"}, {"X", "Y", "Size"}),
}
_MEASURED = {"Y", "Y2", "X", "Size"}


def _schema(path: str) -> dict:
    return {"const": f"{_WEB}/{path}/schema.json"}


_PARTS = {
    "Stockroom.pbip": _object({"$schema": _schema("pbip/pbipProperties/1.0.0"), "version": {"const": "1.0"},
        "artifacts": {"type": "array", "minItems": 1, "items": _object({"report": _object({"path": _STRING})})}, "settings": _object({"enableAutoRecovery": _BOOLEAN})}),
    "definition.pbism": _object({"$schema": _schema("item/semanticModel/definitionProperties/1.0.0"), "version": {"enum": ["4.0", "4.2"]}, "settings": _object({})}),
    "definition.pbir": _object({"$schema": _schema("item/report/definitionProperties/2.0.0"), "version": {"const": "4.0"},
        "datasetReference": _object({"byPath": _object({"path": _STRING})})}),
    ".platform": _object({"$schema": _schema("gitIntegration/platformProperties/2.0.0"),
        "metadata": _object({"type": {"enum": ["Report", "SemanticModel"]}, "displayName": _STRING}),
        "config": _object({"version": {"const": "2.0"}, "logicalId": {"type": "string", "pattern": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}})}),
    "version.json": _object({"$schema": _schema("item/report/definition/versionMetadata/1.0.0"), "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}}),
    "report.json": _object({"$schema": _schema("item/report/definition/report/3.0.0"), "themeCollection": _object({}),
        "settings": _object({"useStylableVisualContainerHeader": _BOOLEAN, "exportDataMode": {"enum": ["AllowSummarized", "AllowSummarizedAndUnderlying", "None"]}})}),
    "pages.json": _object({"$schema": _schema("item/report/definition/pagesMetadata/1.0.0"),
        "pageOrder": {"type": "array", "minItems": 1, "uniqueItems": True, "items": _NAME}, "activePageName": _NAME}),
    "page.json": _object({"$schema": _schema("item/report/definition/page/2.0.0"), "name": _NAME, "displayName": _STRING,
        "displayOption": {"enum": ["FitToPage", "FitToWidth", "ActualSize"]}, "height": _NUMBER, "width": _NUMBER}),
    "visual.json": _object({"$schema": _schema("item/report/definition/visualContainer/2.0.0"), "name": _NAME,
        "position": _object({"x": _NUMBER, "y": _NUMBER, "z": _NUMBER, "height": _NUMBER, "width": _NUMBER, "tabOrder": _NUMBER}),
        "visual": _object({"visualType": {"enum": sorted(_VISUALS)}, "query": _object({"queryState": {"type": "object", "additionalProperties": _ROLE}}),
            "visualContainerObjects": _object({"title": _SHOWN}), "drillFilterOtherVisuals": _BOOLEAN})},
        {"filterConfig": _object({"filters": {"type": "array", "items": _FILTER}})}),
}  # fmt: skip


def check(files: dict[str, str], columns: set[tuple[str, str]], measures: set[str]) -> int:
    """All JSON of a project by path, against the columns and measures of its model; how many visuals. Raises PbirError."""
    content: dict[str, dict] = {}
    for path, text in files.items():
        name = PurePosixPath(path).name
        if name not in _PARTS:
            raise PbirError(f"{path}: no part of a project")
        try:
            content[path] = json.loads(text)
            jsonschema.validate(content[path], _PARTS[name])
        except (json.JSONDecodeError, jsonschema.ValidationError) as error:
            raise PbirError(f"{path}: {error}") from None
    (project,) = [value for path, value in content.items() if path.endswith(".pbip")]
    report = project["artifacts"][0]["report"]["path"]
    model = content.get(f"{report}/definition.pbir", {}).get("datasetReference", {}).get("byPath", {}).get("path", "")
    if not model.startswith("../") or f"{model[3:]}/definition.pbism" not in content:
        raise PbirError(f"{report}: there is no model {model}")
    for folder in (report, model[3:]):
        if f"{folder}/.platform" not in content:
            raise PbirError(f"{folder}: no .platform")
    for name in ("version.json", "report.json", "pages/pages.json"):
        if f"{report}/definition/{name}" not in content:
            raise PbirError(f"{report}: no {name}")
    pages = {path.split("/")[-2]: value for path, value in content.items() if path.endswith("/page.json")}
    order = content[f"{report}/definition/pages/pages.json"]
    if sorted(order["pageOrder"]) != sorted(pages) or order["activePageName"] not in pages:
        raise PbirError("pages.json: its pages are not those that are there")
    for folder, page in pages.items():
        if page["name"] != folder:
            raise PbirError(f"page {folder} calls itself {page['name']}")
    visuals, filters = 0, []
    placed: dict[str, list[dict]] = {}
    for path, value in content.items():
        if path.endswith("/visual.json"):
            page, _, folder = path.split("/")[-4:-1]
            if value["name"] != folder or page not in pages:
                raise PbirError(f"{path}: calls itself {value['name']}")
            filters += [item["name"] for item in value.get("filterConfig", {}).get("filters", [])]
            _check_visual(path, value, columns, measures)
            placed.setdefault(page, []).append(value["position"])
            visuals += 1
    if len(filters) != len(set(filters)):
        raise PbirError("two filters have one name")
    for page, positions in placed.items():
        _check_places(page, pages[page], positions)
    if set(placed) != set(pages):
        raise PbirError(f"without a visual: {', '.join(sorted(set(pages) - set(placed)))}")
    return visuals


def _check_visual(path: str, value: dict, columns: set[tuple[str, str]], measures: set[str]) -> None:
    visual = value["visual"]
    roles, needed, single = _VISUALS[visual["visualType"]]
    filled = visual["query"]["queryState"]
    if not needed <= set(filled) <= roles:
        raise PbirError(f"{path}: {visual['visualType']} has no such wells, or lacks one: {', '.join(filled)}")
    for role, state in filled.items():
        if role in single and len(state["projections"]) > 1:
            raise PbirError(f"{path}: {role} takes one field")
        for projection in state["projections"]:
            if role in _MEASURED and "Column" in projection["field"]:
                raise PbirError(f"{path}: {role} takes measures")
            reference = _check_field(path, projection["field"], columns, measures)
            if projection["queryRef"] != reference:
                raise PbirError(f"{path}: {projection['queryRef']} is not {reference}")
    for item in value.get("filterConfig", {}).get("filters", []):
        _check_field(path, item["field"], columns, measures)
        (source,) = item["filter"]["From"]
        for where in item["filter"]["Where"]:
            (condition,) = where["Condition"].values()
            for there in [*condition.get("Expressions", []), *([condition["Left"]] if "Left" in condition else [])]:
                column = there["Column"]
                if (
                    column["Expression"]["SourceRef"]["Source"] != source["Name"]
                    or (source["Entity"], column["Property"]) not in columns
                ):
                    raise PbirError(f"{path}: the filter reads {column['Property']}, which is not there")


def _check_field(path: str, field: dict, columns: set[tuple[str, str]], measures: set[str]) -> str:
    ((kind, value),) = field.items()
    if kind == "Aggregation":
        return f"Sum({_check_field(path, value['Expression'], columns, measures)})"
    entity, name = value["Expression"]["SourceRef"]["Entity"], value["Property"]
    if (name not in measures or entity != "Metrics") if kind == "Measure" else ((entity, name) not in columns):
        raise PbirError(f"{path}: {entity}.{name} is not there")
    return f"{entity}.{name}"


def _check_places(page: str, size: dict, positions: list[dict]) -> None:
    for number, one in enumerate(positions):
        if (
            one["x"] + one["width"] > size["width"]
            or one["y"] + one["height"] > size["height"]
            or min(one["width"], one["height"]) < 40
        ):
            raise PbirError(f"page {page}: a visual lies outside or cannot be seen")
        for other in positions[:number]:
            apart = (
                one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
                or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
            )  # fmt: skip
            if not apart:
                raise PbirError(f"page {page}: two visuals overlap")
