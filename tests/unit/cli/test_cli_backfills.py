"""A backfill on the command line: it is shown alike, whoever is asked, the store or the app."""

import json

import pytest

from landfall.metadata.engine import Database
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from tests.builders import a_product, a_transformation
from tests.unit.cli.conftest import Command, apply, close, open_a_run, settle


@pytest.mark.usefixtures("app")
def test_an_act_answers_with_instants_as_every_verb_has_them(database: Database, landfall: Command) -> None:
    apply(database, a_product(a_transformation()))
    run = open_a_run(database, "20260101-120000-aaaa")
    for node in ("ingest.orders_landed", "build_orders"):
        settle(database, run, node, Verdict(NodeState.SUCCEEDED))
    close(database, run)
    backfill = json.loads(landfall("backfill", "sales/orders", "--from", "1", "--to", "1", "-o", "json").out)

    paused = landfall("backfills", "pause", backfill["backfill_id"], "-o", "json").out
    shown = landfall("backfills", "show", backfill["backfill_id"], "-o", "json").out

    assert json.loads(paused) == json.loads(shown)
    assert json.loads(shown)["requested_at"].endswith("Z")
