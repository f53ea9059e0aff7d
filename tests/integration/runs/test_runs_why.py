"""Why, on a real database: for each thing that can keep a dataset, run or file back, the cause and what to do."""

from dataclasses import asdict
from datetime import timedelta

import pytest

from landfall.metadata.catalog import AmbiguousDataset
from landfall.metadata.effective import set_value
from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_running, record_submission
from landfall.runs.closing import cancel_run
from landfall.runs.evidence import UnknownSubject, find_evidence
from landfall.runs.gate import hold_node
from landfall.runs.ids import RequestID, RunID
from landfall.runs.opening import open_run
from landfall.runs.pausing import pause_product
from landfall.runs.queries import get_run
from landfall.runs.requests import RunRequest, Trigger, request_run
from landfall.runs.settling import end_node
from landfall.runs.states import NodeState
from landfall.runs.verdict import QUALITY_GATE_CODES, Verdict
from landfall.runs.why.explaining import explain
from landfall.runs.why.values import Cause, Finding
from landfall.spec.model import CompleteSet, OnFailure, Product, RunSettings, Schedule
from tests.builders import a_landed_dataset, a_product, a_transformation
from tests.integration.runs.acting import NOW, SUCCEEDED, apply, begin, finish, land, settle

RUN = RunID("20260101-r1")
INGEST = NodeKey("ingest.orders_landed")


def test_a_dataset_without_files_says_where_they_are_expected(database: Database) -> None:
    apply(database, _product())
    land(database, "order_landed/a.csv")

    (landed,) = _why(database, "orders_landed")
    (built,) = _why(database, "sales/orders.orders")

    assert landed.cause is Cause.NEVER_LANDED
    assert (
        "expects landing/sales/orders/orders_landed/*.csv; unmatched in the product's folder: 1 file ("
        in landed.says
    )
    assert (built.cause, built.says) == (
        Cause.NEVER_BUILT,
        "cannot be built: orders_landed was never published",
    )
    assert built.do == "`landfall why sales/orders.orders_landed`"


def test_a_file_that_waits_says_for_what(database: Database) -> None:
    apply(database, _product(run=RunSettings(settle_s=5)))
    land(database)

    settling = _why(database, "1")[0]
    late = _why(database, "1", after=timedelta(minutes=5))[0]
    begin(database, RUN)
    land(database, "orders_landed/b.csv")
    behind = _why(database, "2")[0]
    claimed = _why(database, "orders_landed/a.csv")[0]
    _pause(database)
    paused = _why(database, "2")[0]

    assert (settling.cause, settling.since) == (Cause.SETTLING, NOW)
    assert late.cause is Cause.COORDINATOR_LATE
    assert (behind.cause, RUN in behind.says) == (Cause.RUN_OPEN, True)
    assert (claimed.cause, claimed.says) == (Cause.CLAIMED, f"run {RUN} takes it in for orders_landed")
    assert (paused.cause, paused.do) == (Cause.PAUSED, "`landfall resume sales/orders`")
    assert paused.says == "waits, because sales/orders is paused by grace: doubles"


def test_a_file_that_starts_no_run_says_how_one_is_started(database: Database) -> None:
    apply(database, _product(run=RunSettings(on_landing=False)))
    land(database)

    (finding,) = _why(database, "1")

    assert (finding.cause, finding.do) == (Cause.NO_TRIGGER, "`landfall run sales/orders`")


def test_a_file_that_has_ended_says_how(database: Database) -> None:
    apply(database, _product())
    land(database, etag="0x1")
    land(database, etag="0x2")
    land(database, "orders_landed/empty.csv", size=0)
    land(database, "elsewhere/c.csv")
    begin(database, RUN)
    finish(database, RUN, failing=frozenset({INGEST}))

    causes = {number: _why(database, str(number))[0] for number in (1, 2, 3, 4)}
    apply(database, a_product(a_transformation(), landed=("orders_landed", "elsewhere")))
    expected_now = _why(database, "4")[0]

    assert {number: finding.cause for number, finding in causes.items()} == {
        1: Cause.REPLACED,
        2: Cause.REJECTED,
        3: Cause.EMPTY,
        4: Cause.UNMATCHED,
    }
    assert causes[2].says == "no such column"
    assert f"`landfall runs rerun {RUN} --from-failed`" in (causes[2].do or "")
    assert "by now elsewhere expects it" in expected_now.says
    assert expected_now.do == "`landfall files replay 4`"


def test_a_file_that_was_taken_in_names_the_run(database: Database) -> None:
    apply(database, _product())
    land(database)
    begin(database, RUN)
    finish(database, RUN)

    (finding,) = _why(database, "1")

    assert (finding.cause, finding.says) == (Cause.DONE, f"run {RUN} took it in for orders_landed")


def test_a_failed_run_names_the_failure_first_and_what_it_skipped(database: Database) -> None:
    apply(database, _product())
    land(database)
    begin(database, RUN)
    finish(database, RUN, failing=frozenset({"build_orders"}))

    failed, skipped = _why(database, "@last")

    assert (failed.about, failed.cause) == ("node build_orders", Cause.FAILED)
    assert failed.says == "failed at attempt 1 with LF4571: no such column"
    assert (skipped.about, skipped.says) == (
        "2 nodes: build_daily, build_weekly",
        "skipped, because build_orders did not succeed",
    )
    assert _causes(database, "daily") == [Cause.SKIPPED, Cause.NEVER_BUILT]


def test_a_limit_that_stopped_a_node_names_itself(database: Database) -> None:
    apply(database, _product())
    land(database)
    begin(database, RUN)
    settle(database, RUN, INGEST, Verdict(NodeState.SUCCEEDED))
    stops = [
        {"rule": "paid", "setting": "severity", "found": 2, "allowed": 0, "message": "paid refused 2 rows"},
        {"rule": "few", "setting": "max_failed_share", "found": 0.5, "allowed": 0.1, "message": "few failed"},
        {
            "rule": None,
            "setting": "max_quarantined_share",
            "found": 0.5,
            "allowed": 0.1,
            "message": "5 of 10",
        },
    ]
    stopped = Verdict(
        NodeState.FAILED, error_code="LF4521", reason="orders: too bad", result={"stopped_by": stops}
    )

    settle(database, RUN, "build_orders", stopped)
    finish(database, RUN)

    failed = _why(database, "@last")[0]
    assert failed.says == (
        "stopped by paid, max_failed_share of few, max_quarantined_share; "
        "failed at attempt 1 with LF4521: orders: too bad"
    )
    assert failed.do is not None
    assert failed.do.startswith("correct the data, the rule or its limit, then")
    (node,) = (node for node in database.read(lambda c: get_run(c, RUN)).nodes if node.key == "build_orders")
    assert [asdict(stop) for stop in node.stopped_by] == stops


def test_an_open_run_says_what_is_at_work_what_is_limited_and_what_waits(database: Database) -> None:
    apply(
        database,
        a_product(
            a_transformation("build_orders"),
            a_transformation("build_other"),
            a_transformation("build_daily", inputs=["orders"]),
            run=RunSettings(max_parallel_nodes=1),
        ),
    )
    land(database)
    database.transact(lambda c: open_run(c, "sales/orders", RUN, now=NOW))
    unstarted = _causes(database, RUN)
    begin(database, RUN)
    settle(database, RUN, INGEST, SUCCEEDED)
    database.transact(
        lambda c: record_submission(
            c, RUN, NodeKey("build_orders"), 1, job_run_id=7, job_run_url=None, token="t", now=NOW
        )
    )
    database.transact(lambda c: record_running(c, RUN, NodeKey("build_orders"), now=NOW))

    working, limited, waiting = _why(database, RUN)

    assert unstarted == [Cause.NOT_STARTED]
    assert (working.cause, working.says) == (Cause.AT_WORK, "running at attempt 1, job run 7")
    assert (limited.about, limited.cause) == ("node build_other", Cause.LIMITED)
    assert (waiting.about, waiting.says) == ("node build_daily", "waits for build_orders (running)")


def test_a_cancelled_run_names_who_cancelled_it(database: Database) -> None:
    apply(database, _product())
    land(database)
    begin(database, RUN)
    database.transact(lambda c: cancel_run(c, RUN, actor="linus", now=NOW))
    finish(database, RUN)

    first = _why(database, RUN)[0]

    assert first.cause is Cause.CANCELLED
    assert "by linus" in first.says


def test_a_node_that_was_left_out_says_what_it_lacks(database: Database) -> None:
    apply(
        database,
        a_product(
            a_transformation("build_both", inputs=["orders_landed", "returns"]),
            landed=("orders_landed", "returns"),
        ),
    )
    land(database)
    begin(database, RUN)
    finish(database, RUN)

    run, left_out = _why(database, RUN)
    (dataset,) = _why(database, "both")

    assert run.cause is Cause.DONE
    assert left_out.cause is dataset.cause is Cause.LEFT_OUT
    assert "returns, which has never been published" in dataset.says


def test_a_dataset_that_is_there_says_since_when_and_what_is_on_its_way(database: Database) -> None:
    apply(database, _product())
    land(database)
    begin(database, RUN)
    finish(database, RUN)
    begin(database, "none")
    fresh = _why(database, "weekly")
    land(database, "orders_landed/b.csv")
    apply(database, a_product(*_product().transformations, a_transformation("build_more")))
    _pause(database)

    waiting, changed, done = _why(database, "weekly")

    assert [(finding.cause, finding.says) for finding in fresh] == [(Cause.DONE, f"published by run {RUN}")]
    assert (waiting.about, waiting.cause) == ("1 file for orders_landed", Cause.PAUSED)
    assert changed.cause is Cause.METADATA_CHANGED
    assert done.cause is Cause.DONE


def test_a_name_that_means_nothing_or_two_things_is_refused(database: Database) -> None:
    apply(database, _product())
    apply(database, a_product(a_transformation("build_orders"), name="returns"))

    for text in ("nothing", "sales/orders.nothing", "99", "@last", "2030"):
        with pytest.raises(UnknownSubject):
            _why(database, text)
    with pytest.raises(AmbiguousDataset, match=r"sales/orders\.orders, sales/returns\.orders"):
        _why(database, "orders")


def test_a_ready_node_names_the_limit_that_keeps_it_and_its_figure(database: Database) -> None:
    apply(database, _fan(RunSettings(max_parallel_nodes=50)))
    land(database)
    begin(database, RUN)
    _set(database, "limits.nodes_per_product", "2", product="sales/orders")
    settle(database, RUN, INGEST, SUCCEEDED)

    by_product = _why(database, RUN)[-1]
    _set(database, "limits.nodes_per_product", "900")
    _set(database, "limits.nodes_per_product", "901", product="sales/orders")
    _set(database, "limits.nodes", "2")
    by_all = _why(database, RUN)[-1]
    _set(database, "limits.nodes", "3", after=timedelta(seconds=1))
    free = _why(database, RUN, after=timedelta(seconds=2))[-1]

    assert (by_product.about, by_product.cause) == ("2 nodes: build_c, build_d", Cause.LIMITED)
    assert by_product.says == (
        "ready; all 2 places of sales/orders are taken by its runs (limits.nodes_per_product)"
    )
    assert "`landfall config set limits.nodes_per_product N --product sales/orders`" in (by_product.do or "")
    assert by_all.says == "ready; all 2 places of the installation are taken (limits.nodes)"
    assert "`landfall config set limits.nodes N`" in (by_all.do or "")
    assert (free.cause, "2 of 3 places of the installation are taken" in free.says) == (Cause.WAITING, True)


def test_the_limit_of_the_run_comes_first_and_has_its_figure(database: Database) -> None:
    apply(database, _fan(RunSettings(max_parallel_nodes=3)))
    land(database)
    begin(database, RUN)
    settle(database, RUN, INGEST, SUCCEEDED)

    limited = _why(database, RUN)[-1]

    assert (limited.about, limited.says) == (
        "node build_d",
        "ready; all 3 places of the run are taken (runs.max_parallel_nodes)",
    )


def test_a_node_that_waits_for_its_turn_at_the_jobs_api_says_until_when_and_why(database: Database) -> None:
    apply(database, _fan())
    land(database)
    begin(database, RUN)
    _set(database, "jobs.submissions_per_second", "0.1")
    settle(database, RUN, INGEST, SUCCEEDED)

    paced = _why(database, RUN)[-1]
    database.transact(
        lambda c: hold_node(c, RUN, NodeKey("build_b"), reason="503 busy", hold_all_s=0, now=NOW)
    )
    refused = next(found for found in _why(database, RUN) if found.about == "node build_b")
    database.transact(
        lambda c: hold_node(
            c, RUN, NodeKey("build_a"), reason="429 too many requests", hold_all_s=60, now=NOW
        )
    )
    held = _why(database, RUN)

    assert paced.cause is Cause.THROTTLED
    assert "its turn at the Jobs API is at 2026-01-01 12:00:" in paced.says
    assert "0.1 job runs a second and 54,000 an hour are started at most" in paced.says
    assert (refused.cause, "did not take it (503 busy)" in refused.says) == (Cause.THROTTLED, True)
    assert {found.says for found in held if found.cause is Cause.THROTTLED} == {
        "the Jobs API asked everybody to wait until 2026-01-01 12:01:00 UTC: 429 too many requests"
    }


def test_a_node_between_two_attempts_says_why_and_until_when(database: Database) -> None:
    apply(database, _product(run=RunSettings(retry_delay_s=60)))
    land(database)
    begin(database, RUN)
    lost = Verdict(NodeState.FAILED, retryable=True, reason="cluster lost")
    database.transact(lambda c: end_node(c, RUN, NodeKey(INGEST), 1, lost, token="t", now=NOW))

    retrying = _why(database, RUN)[0]

    assert retrying.cause is Cause.RETRYING
    assert "for attempt 2: attempt 1 failed and is tried again: cluster lost" in retrying.says


@pytest.mark.parametrize("code", sorted(QUALITY_GATE_CODES))
def test_a_node_that_its_quality_gate_stopped_says_so(database: Database, code: str) -> None:
    apply(database, _product())
    land(database)
    begin(database, RUN)
    gate = Verdict(NodeState.FAILED, error_code=code, reason="12 of 40 rows were refused, at most 5 % may be")
    settle(database, RUN, INGEST, gate)

    stopped = _why(database, RUN)[0]

    assert (stopped.about, stopped.cause) == (f"node {INGEST}", Cause.QUALITY_GATE)
    assert stopped.says == (
        f"stopped by its quality gate; failed at attempt 1 with {code}: "
        "12 of 40 rows were refused, at most 5 % may be"
    )
    assert _causes(database, "orders_landed")[0] is Cause.QUALITY_GATE


def test_fail_fast_is_named_as_the_reason_of_what_it_skipped(database: Database) -> None:
    apply(database, _fan(RunSettings(on_failure=OnFailure.FAIL_FAST, max_parallel_nodes=1)))
    land(database)
    begin(database, RUN)
    settle(database, RUN, INGEST, SUCCEEDED)
    settle(database, RUN, NodeKey("build_a"), Verdict(NodeState.FAILED, reason="no such column"))

    skipped = _why(database, RUN)[-1]

    assert (skipped.cause, skipped.says) == (
        Cause.SKIPPED,
        "skipped, because build_a failed, and the run is to fail fast",
    )


def test_a_product_with_a_schedule_says_when_it_is_due_and_when_it_is_late(database: Database) -> None:
    six = Schedule("0 6 * * *", "Europe/Berlin")
    apply(database, _product(run=RunSettings(on_landing=False, schedules=(six,))))
    land(database)

    file = _why(database, "1")[0]
    dataset = _why(database, "weekly")[-1]
    late = _why(database, "weekly", after=timedelta(days=1))[-1]

    due = "schedule '0 6 * * *' (Europe/Berlin)"
    assert (file.cause, dataset.cause, late.cause) == (
        Cause.SCHEDULED,
        Cause.SCHEDULED,
        Cause.SCHEDULE_LATE,
    )
    assert file.says.startswith(f"waits for the {due} of sales/orders, due at 2026-01-02 05:00:00 UTC")
    assert dataset.says == f"the {due} asks for its next run at 2026-01-02 05:00:00 UTC"
    assert late.says == f"the {due} was due at 2026-01-02 05:00:00 UTC and has asked for no run yet"


def test_a_set_that_is_not_complete_names_what_is_missing_and_its_deadline(database: Database) -> None:
    complete = CompleteSet(3600, names=("a.csv", "b.csv", "c.csv"))
    dataset = a_landed_dataset("orders_landed", landing="latest/*.csv", complete=complete)
    apply(database, a_product(a_transformation(), landed=[dataset]))
    land(database, "latest/a.csv")

    file = _why(database, "1")[0]
    waiting = _why(database, "orders")[0]
    late = _why(database, "orders", after=timedelta(hours=2))[0]

    assert (file.cause, waiting.cause) == (Cause.SET_INCOMPLETE, Cause.SET_INCOMPLETE)
    assert "b.csv, c.csv did not come yet, 1 file waits; its deadline is 2026-01-01 13:00:00 UTC" in file.says
    assert "its deadline has passed: 2026-01-01 13:00:00 UTC" in late.says


def test_a_set_that_lacks_nothing_says_what_it_is_kept_open_for(database: Database) -> None:
    complete = CompleteSet(3600, names=("a.csv", "b.csv"))
    dataset = a_landed_dataset("orders_landed", landing="latest/*.csv", complete=complete)
    apply(database, a_product(a_transformation(), landed=[dataset]))
    land(database, "latest/a.csv")
    # Its files are what the product no longer asks for.
    apply(
        database,
        a_product(a_transformation(), landed=[a_landed_dataset("orders_landed", landing="latest/*.csv")]),
    )

    late = _why(database, "orders", after=timedelta(hours=2))[0]

    assert late.says.endswith(
        "is kept open until its deadline, 1 file waits; its deadline has passed: 2026-01-01 13:00:00 UTC"
    )


def test_a_run_that_was_asked_for_says_what_it_waits_for(database: Database) -> None:
    apply(database, _product(run=RunSettings(on_landing=False)))
    asked = RunRequest("sales/orders", Trigger.HTTP, "grace", full=True)
    database.transact(lambda c: request_run(c, asked, request_id=RequestID("q1"), now=NOW))

    soon = _why(database, "weekly")[0]
    late = _why(database, "weekly", after=timedelta(minutes=2))[0]
    land(database)
    begin(database, RUN)
    database.transact(lambda c: request_run(c, asked, request_id=RequestID("q2"), now=NOW))
    behind = _why(database, "weekly")[0]
    _pause(database)
    paused = _why(database, "weekly")[0]

    assert (soon.about, soon.cause) == ("1 run of sales/orders, the first asked for by grace", Cause.WAITING)
    assert late.cause is Cause.COORDINATOR_LATE
    assert (behind.cause, RUN in behind.says) == (Cause.RUN_OPEN, True)
    assert (paused.cause, paused.do) == (Cause.PAUSED, "`landfall resume sales/orders`")


def _fan(run: RunSettings | None = None) -> Product:
    """One ingest node, and four nodes that wait for nothing else."""
    return a_product(*(a_transformation(f"build_{name}") for name in "abcd"), run=run)


def _set(
    database: Database, name: str, text: str, *, product: str | None = None, after: timedelta = timedelta()
) -> None:
    database.transact(lambda c: set_value(c, name, text, product=product, now=NOW + after, actor="ada"))


def _product(run: RunSettings | None = None) -> Product:
    return a_product(
        a_transformation("build_orders"),
        a_transformation("build_daily", inputs=["orders"]),
        a_transformation("build_weekly", inputs=["orders"]),
        run=run,
    )


def _why(database: Database, text: str, *, after: timedelta = timedelta(seconds=1)) -> tuple[Finding, ...]:
    return explain(database.read(lambda c: find_evidence(c, text, now=NOW + after)), now=NOW + after)


def _causes(database: Database, text: str) -> list[Cause]:
    return [finding.cause for finding in _why(database, text)]


def _pause(database: Database) -> None:
    database.transact(lambda c: pause_product(c, "sales/orders", actor="grace", reason="doubles", now=NOW))
