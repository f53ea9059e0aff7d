"""`landfall config` and the same over HTTP, on a real database."""

import json
from datetime import timedelta

from landfall.api import config
from landfall.metadata.engine import Database
from tests.api_server import NOW, answered
from tests.builders import a_product, a_transformation
from tests.unit.cli.conftest import Command, apply

PRODUCT = "sales/orders"


def test_a_setting_is_set_shown_and_taken_back(database: Database, landfall: Command) -> None:
    apply(database, a_product(a_transformation()))

    first = landfall("config", "set", "runs.retries", "4", "--product", PRODUCT)
    second = landfall("config", "set", "runs.retries", "6", "--product", PRODUCT)
    shown = landfall("config", "get", "runs.retries", "--product", PRODUCT, "--output", "json")
    back = landfall("config", "rollback", "runs.retries", "--product", PRODUCT)
    versions = landfall("config", "history", "runs.retries", "--product", PRODUCT, "--output", "json")

    assert (first.code, second.code, back.code) == (0, 0, 0)
    assert (json.loads(shown.out)["value"], json.loads(shown.out)["origin"]) == ("6", "product")
    assert [version["value"] for version in json.loads(versions.out)] == ["4", "6", "4"]


def test_the_command_that_takes_a_value_back_takes_it_back(database: Database, landfall: Command) -> None:
    first = landfall("config", "set", "limits.nodes", "150")
    back = landfall("config", "set", "limits.nodes", "--unset")
    later = landfall("config", "set", "limits.nodes", "200", "--effective", "2099-01-01T00:00Z")
    second = landfall("config", "set", "limits.nodes", "120")

    assert "`landfall config set limits.nodes --unset` takes it back" in first.err
    assert "`landfall config rollback limits.nodes` takes it back" in back.err
    assert "takes it back" not in later.err
    assert "landfall config history limits.nodes" in later.err
    assert "`landfall config rollback limits.nodes` takes it back" in second.err


def test_every_setting_is_listed_with_what_it_takes(database: Database, landfall: Command) -> None:
    answer = landfall("config", "get", "--output", "json")

    rows = {row["name"]: row for row in json.loads(answer.out)}
    assert rows["limits.nodes"]["origin"] == "default"
    assert rows["limits.nodes"]["takes"] == "a whole number from 1 to 2,000"


def test_an_unknown_setting_and_a_wrong_value_are_refused(database: Database, landfall: Command) -> None:
    unknown = landfall("config", "set", "run.retries", "4")
    wrong = landfall("config", "set", "runs.retries", "many")
    neither = landfall("config", "set", "runs.retries")
    no_zone = landfall("config", "set", "runs.retries", "1", "--effective", "2099-01-01")

    assert (unknown.code, wrong.code) == (1, 1)
    assert "LF2202" in unknown.err
    assert "did you mean 'runs.retries'?" in unknown.err
    assert "LF2203" in wrong.err
    assert "a whole number from 0 to 10" in wrong.err
    assert (neither.code, no_zone.code) == (2, 2)


def test_over_http_a_value_waits_for_its_instant(database: Database) -> None:
    body = {"value": "50", "effective_at": (NOW + timedelta(hours=1)).isoformat()}

    answer = answered(
        config.request_set, database, "limits.nodes", json.dumps(body).encode(), actor="ada", now=NOW
    )
    before = answered(config.show_settings, database, None, None, now=NOW)
    after = answered(config.show_settings, database, None, (NOW + timedelta(hours=2)).isoformat(), now=NOW)
    versions = answered(config.show_history, database, "limits.nodes", None)

    assert answer.reply.status == 200
    values = [
        next(row["value"] for row in reply.body["settings"] if row["name"] == "limits.nodes")
        for reply in (before, after)
    ]
    assert values == ["1000", "50"]
    assert versions.body["versions"][0]["set_by"] == "ada"


def test_over_http_faults_are_told_apart(database: Database) -> None:
    def put(name: str, body: dict[str, object]) -> int:
        told: int = answered(
            config.request_set, database, name, json.dumps(body).encode(), actor="ada", now=NOW
        ).reply.status
        return told

    assert put("limits.node", {"value": "5"}) == 404
    assert put("limits.nodes", {"value": "0"}) == 400
    assert put("limits.nodes", {"value": "5", "effective_at": "tomorrow"}) == 400
    assert put("limits.nodes", {}) == 400
    assert put("runs.retries", {"value": "5", "product": "sales/none"}) == 404
    assert (
        answered(config.request_rollback, database, "limits.nodes", b"", actor="ada", now=NOW).reply.status
        == 400
    )
    assert answered(config.show_settings, database, "sales/none", None, now=NOW).status == 404
