"""What rules leave in SQL, and what SQL gives to rules of later runs."""

from datetime import timedelta

from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import read_attempt
from landfall.runs.ids import RunID
from landfall.runs.queries import get_run
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import Check, Product, Severity
from tests.builders import a_built_dataset, a_product, a_rule, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, finish, land, settle


def _product(**config: object) -> Product:
    usual = a_rule("usual", check=Check.ROW_COUNT, severity=Severity.WARN, config=dict(config))
    return a_product(a_transformation(), built=[a_built_dataset(quality=[usual])])


def _run(database: Database, number: int, rows: int | None, state: NodeState = NodeState.SUCCEEDED) -> RunID:
    now = NOW + timedelta(minutes=number)
    land(database, f"orders_landed/{number}.csv")
    run = begin(database, f"run{number}", now=now)
    assert run is not None
    settle(database, run, "ingest.orders_landed", Verdict(NodeState.SUCCEEDED), now=now)
    if rows is not None:
        settle(database, run, "build_orders", Verdict(state, rows_published=rows), now=now)
        finish(database, run, now=now)
    return run


def test_a_count_is_held_against_the_last_runs_that_succeeded(database: Database) -> None:
    apply(database, _product(max_change=0.5, former_runs=2))
    for number, rows in enumerate((10, 20, 30)):
        _run(database, number, rows)
    _run(database, 3, 0, NodeState.FAILED)
    run = _run(database, 4, None)

    attempt = database.read(lambda c: read_attempt(c, run, NodeKey("build_orders")))

    assert attempt.former_rows == (30, 20)


def test_counts_are_not_looked_up_for_nobody(database: Database) -> None:
    apply(database, _product(min=1))
    _run(database, 0, 10)
    run = _run(database, 1, None)

    assert database.read(lambda c: read_attempt(c, run, NodeKey("build_orders"))).former_rows == ()


def test_results_of_rules_can_be_read_back(database: Database) -> None:
    apply(database, _product(min=1))
    run = _run(database, 0, None)
    rules = (
        {
            "name": "known",
            "severity": "quarantine",
            "rows_checked": 8,
            "rows_failed": 2,
            "version": "0123456789ab",
            "seconds": 1.25,
            "samples": ["id=1", "id=7"],
            "detail": None,
        },
        {"name": "type:id", "severity": "quarantine", "rows_checked": 0, "rows_failed": 0},
    )
    settle(database, run, "build_orders", Verdict(NodeState.SUCCEEDED, rules=rules))

    known, built_in = database.read(lambda c: get_run(c, run)).rules

    assert (known.failed_share, known.version, known.seconds) == (0.25, "0123456789ab", 1.25)
    assert known.samples == ("id=1", "id=7")
    assert (built_in.failed_share, built_in.version, built_in.samples) == (0.0, None, ())
