"""The description of the API holds: requests made up from it, good and bad, find no answer that it does not foresee.

Belongs here: what schemathesis finds. Does not belong here: what answers say.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import schemathesis
from schemathesis.engine import events, from_schema
from serving.conftest import opened

from ml.serving.keys import SCOPES, new_key
from ml.serving.settings import ServingSettings

KEY, LINE = new_key("everything", ",".join(SCOPES), "unlimited")
CONFIG = {
    "checks": {
        # a column, a cursor or an item cannot be made up from a description: such requests are good in form, and refused
        "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "410", "422"]},
        "negative_data_rejection": {"expected-statuses": ["400", "401", "404", "405", "406", "413", "414", "415", "422"]},
    },
    "headers": {"Authorization": f"Bearer {KEY}"},
    "generation": {"deterministic": True, "max-examples": 3},
    "phases": {"stateful": {"enabled": False}},
}


def test_schemathesis_finds_nothing(settings: ServingSettings, models: Path) -> None:
    found, errors, seen, checked = {}, [], set(), 0
    with opened(replace(settings, models=models, keys=LINE)) as client:
        schema = schemathesis.openapi.from_asgi("/openapi.json", client.app, config=schemathesis.Config.from_dict(CONFIG))
        for event in from_schema(schema).execute():
            if isinstance(event, events.NonFatalError | events.FatalError):
                errors.append(str(event))
            if isinstance(event, events.ScenarioFinished):
                seen.add(event.recorder.label)
                for node in (node for nodes in event.recorder.checks.values() for node in nodes):
                    checked += 1
                    if node.failure_info:
                        failure = node.failure_info.failure
                        found.setdefault((event.recorder.label, failure.title), (failure.message, node.failure_info.code_sample))
        described = {
            f"{method.upper()} {path}"
            for path, operations in client.get("/openapi.json").json()["paths"].items()
            for method in operations
        }
    assert errors == []
    assert found == {}
    assert seen >= described
    assert checked > 3_000


def test_every_route_is_described_with_examples_and_problems(settings: ServingSettings) -> None:
    with opened(settings) as client:
        document = client.get("/openapi.json").json()
    paths = document["paths"]
    assert {"/v1/recommendations", "/v1/tables/{table_name}", "/v1/what-if", "/v1/defects", "/metrics", "/ready"} <= paths.keys()
    for path, operations in paths.items():
        for method, operation in operations.items():
            problems = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            assert {"401", "404", "422", "429", "500"} <= problems.keys(), (path, method)
            assert {kind for answer in problems.values() for kind in answer["content"]} == {"application/problem+json"}
            assert operation["description"]
            if path.startswith("/v1/"):
                assert operation["security"]
    content = paths["/v1/recommendations"]["get"]["responses"]["200"]["content"]
    assert {"application/json", "text/csv", "application/vnd.apache.arrow.stream"} <= content.keys()
    assert content["application/json"]["example"]["data"]
    assert paths["/v1/what-if"]["post"]["requestBody"]["content"]["application/json"]
