"""Acts that take no fields: what is sent all the same is refused, and nothing is done."""

import json

import pytest

from landfall.metadata.engine import Database
from tests.api_server import Api, ServerBackend
from tests.integration.api.test_api_isolation import VALUES, fill, filled, paths


@pytest.fixture
def api(database: Database) -> Api:
    fill(database)
    return Api(ServerBackend(database))


def without_fields(api: Api) -> list[str]:
    """Return the paths whose acts take no fields, by the description."""
    described = api.get("/api/openapi.json").json["paths"]
    return [
        filled(path, VALUES)
        for path in paths(api.backend.database, "post")
        if "NoBody" in json.dumps(described[path]["post"]["requestBody"])
    ]


def stands(api: Api) -> list[object]:
    """Return what the acts would change."""
    return [api.get(filled(path)).json for path in ("/api/backfills/{backfill_id}", "/api/audit")]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"reason": "done"}, "'reason' is not known; no field is taken."),
        (b"no json", "The body is not JSON"),
        ([], "The body is not a JSON object."),
    ],
    ids=["a field", "no JSON", "no object"],
)
def test_what_an_act_does_not_take_is_refused(api: Api, body: object, says: str) -> None:
    acts = without_fields(api)
    before = stands(api)

    answers = {path: api.post(path, body) for path in acts}

    assert len(acts) == 4
    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(acts, 400)
    assert all(
        answer.json["code"] == "LF6101" and says in answer.json["detail"] for answer in answers.values()
    )
    assert stands(api) == before


@pytest.mark.parametrize("body", [None, {}], ids=["nothing", "an empty object"])
def test_an_empty_body_is_none(api: Api, body: object) -> None:
    answer = api.post(filled("/api/products/{domain}/{product}/resume"), body)

    assert answer.status == 200
