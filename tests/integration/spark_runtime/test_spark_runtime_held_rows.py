"""Rows in quarantine, judged again or given up on the real engine: each is published once, or stays with its reason."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_runtime import publishing
from tests.integration.spark_runtime.workbench import Workbench, counts, rule

COLUMNS = "id int not null; amount decimal(8,2); at timestamp; tags array<string>; note string"
FILE = (
    b'{"id":"1","amount":"5.10","at":"2024-01-02 03:04:05","tags":["a","b"],"note":"ok"}\n'
    b'{"id":"2","amount":"-1.25","at":"2024-01-02 03:04:05.250","tags":["c"],"note":"low, \\"quoted\\""}\n'
    b'{"id":"3","amount":"-2.50","tags":[],"note":"lower"}\n'
    b'{"id":"x","amount":"7"}\n'
    b"no record\n"
)
POSITIVE = rule("positive", "range", column="amount", min=0)


def test_rows_that_a_mended_rule_passes_are_published_as_they_would_have_been(bench: Workbench) -> None:
    file = bench.land("a.json", FILE)
    assert counts(take_in(bench, file, rules=[POSITIVE])) == (5, 1, 4)

    released = release(bench, rules=[rule("positive", "range", column="amount", min=-2)])

    # The record that could not be taken apart is not judged: it has no fields.
    assert counts(released) == (3, 1, 2)
    assert released["released"] == [{"run_id": "r1", "file": file["uri"]}]
    assert bench.rows(
        "orders", "id", "amount", "CAST(at AS string)", "tags", "note", "_run_id", "_source_file"
    ) == [
        (1, Decimal("5.10"), "2024-01-02 03:04:05", ["a", "b"], "ok", "r1", file["uri"]),
        (2, Decimal("-1.25"), "2024-01-02 03:04:05.25", ["c"], 'low, "quoted"', "r2", file["uri"]),
    ]
    assert held(bench) == [("held", 3), ("held", 4), ("held", 5), ("released", 2)]
    whole = bench.rows("quarantine/orders", "_line", "_run_id", "_ended_run", "_ended_by", "_rules")
    assert (2, "r1", "r2", "ada", ["positive"]) in whole


def test_a_row_that_still_fails_says_why_today(bench: Workbench) -> None:
    take_in(bench, bench.land("a.json", FILE), rules=[POSITIVE])

    release(bench, rules=[rule("short", "length", column="note", max=3)])

    refused = bench.rows("quarantine/orders", "_line", "_rules", "_run_id", "_state")
    assert (2, ["short"], "r1", "held") in refused
    assert (3, ["short"], "r1", "held") in refused
    assert (4, ["type:id"], "r1", "held") in refused


def test_a_release_done_twice_leaves_what_one_leaves(bench: Workbench) -> None:
    take_in(bench, bench.land("a.json", FILE), rules=[POSITIVE])

    for attempt in (1, 1, 2):
        assert counts(release(bench, attempt=attempt)) == (3, 2, 1)

    assert bench.rows("orders", "id") == [(1,), (2,), (3,)]
    assert held(bench) == [("held", 4), ("held", 5), ("released", 2), ("released", 3)]


@pytest.mark.parametrize("step", ["publish", "_note_output"])
def test_a_crash_anywhere_loses_and_doubles_nothing(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    take_in(bench, bench.land("a.json", FILE), rules=[POSITIVE])
    with monkeypatch.context() as patched:
        patched.setattr(publishing, step, lambda *_: pytest.fail("the job dies here"))
        with pytest.raises(pytest.fail.Exception):
            release(bench)

    assert counts(release(bench, attempt=2)) == (3, 2, 1)

    assert bench.rows("orders", "id", "_run_id") == [(1, "r1"), (2, "r2"), (3, "r2")]
    assert held(bench) == [("held", 4), ("held", 5), ("released", 2), ("released", 3)]


def test_what_a_run_that_failed_released_is_released_by_the_next(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(bench, bench.land("a.json", FILE), rules=[POSITIVE])
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "publish", lambda *_: pytest.fail("the job dies here"))
        with pytest.raises(pytest.fail.Exception):
            release(bench)

    assert counts(release(bench, run_id="r3", output={"discard_runs": ["r2"]})) == (3, 2, 1)

    assert bench.rows("orders", "id", "_run_id") == [(1, "r1"), (2, "r3"), (3, "r3")]
    assert held(bench) == [("held", 4), ("held", 5), ("released", 2), ("released", 3)]


def test_files_that_land_after_a_release_that_failed_leave_its_rows_in_quarantine(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(bench, bench.land("a.json", FILE), rules=[POSITIVE])
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_note_output", lambda *_: pytest.fail("the job dies here"))
        with pytest.raises(pytest.fail.Exception):
            release(bench)
    assert bench.rows("orders", "id") == [(1,), (2,), (3,)]

    clean = bench.land("b.json", b'{"id":"9","amount":"1"}\n')
    take_in(bench, clean, rules=[POSITIVE], run_id="r3", output={"discard_runs": ["r2"]})

    assert bench.rows("orders", "id") == [(1,), (9,)]
    assert held(bench) == [("held", 2), ("held", 3), ("held", 4), ("held", 5)]
    release(bench, run_id="r4", output={"discard_runs": ["r2"]})
    assert bench.rows("orders", "id") == [(1,), (2,), (3,), (9,)]


def test_a_file_taken_in_again_replaces_its_released_rows_too(bench: Workbench) -> None:
    one, two = bench.land("a.json", FILE), bench.land("b.json", b'{"id":"8","amount":"-8"}\n')
    take_in(bench, one, rules=[POSITIVE])
    take_in(bench, two, rules=[POSITIVE], run_id="r2")
    release(bench, run_id="r3")
    assert bench.rows("orders", "id") == [(1,), (2,), (3,), (8,)]

    replaces = [{"run_id": run_id, "files": [one["uri"]]} for run_id in ("r1", "r3")]
    take_in(bench, one, run_id="r4", output={"replaces": replaces})

    assert bench.rows("orders", "id", "_run_id") == [(1, "r4"), (2, "r4"), (3, "r4"), (8, "r3")]
    assert held(bench) == [("held", 4), ("held", 5), ("released", 1)]


def test_two_versions_of_a_file_do_not_take_each_others_rows_along(bench: Workbench) -> None:
    first = bench.land("a.json", b'{"id":"1","amount":"-1"}\n')
    take_in(bench, first, rules=[POSITIVE])
    second = bench.land("a.json", b'{"id":"2","amount":"-2"}\n')
    take_in(bench, second, rules=[POSITIVE], run_id="r2")
    release(bench, run_id="r3")

    replaces = [{"run_id": run_id, "files": [second["uri"]]} for run_id in ("r2", "r3")]
    take_in(bench, second, run_id="r4", output={"replaces": replaces})

    assert bench.rows("orders", "id", "_run_id") == [(2, "r4")]
    # The row of the first version went with the others, so it waits for its release again.
    assert bench.rows("quarantine/orders", "_row", "_state") == [('{"id":"1","amount":"-1"}', "held")]


def test_only_what_the_filter_chooses_is_touched(bench: Workbench) -> None:
    one, two = bench.land("a.json", FILE), bench.land("sub/b.json", b'{"id":"8","amount":"-8"}\n')
    take_in(bench, one, rules=[POSITIVE])
    take_in(bench, two, rules=[POSITIVE], run_id="r2")

    assert counts(release(bench, run_id="r3", rules_of=["not_null:id"])) == (0, 0, 0)
    assert counts(release(bench, run_id="r4", files=["b.json"])) == (1, 1, 0)
    assert counts(release(bench, run_id="r5", files=["json"])) == (0, 0, 0)
    assert counts(release(bench, run_id="r6", runs=["r1"], rules_of=["positive", "other"])) == (2, 2, 0)

    assert bench.rows("orders", "id") == [(1,), (2,), (3,), (8,)]
    assert held(bench) == [("held", 4), ("held", 5), ("released", 1), ("released", 2), ("released", 3)]


def test_rows_given_up_stay_with_name_and_reason_and_are_judged_no_more(bench: Workbench) -> None:
    take_in(bench, bench.land("a.json", FILE), rules=[POSITIVE])

    for attempt in (1, 2):
        given_up = act(bench, "discard", run_id="r2", attempt=attempt, rules_of=["readable_row", "type:id"])

        assert (given_up["status"], given_up["rows_read"], given_up["output"]) == ("succeeded", 2, None)
    assert held(bench) == [("discarded", 4), ("discarded", 5), ("held", 2), ("held", 3)]
    ended = bench.rows("quarantine/orders", "_state", "_ended_run", "_ended_by", "_ended_reason")
    assert ended[:2] == [("discarded", "r2", "ada", "test data")] * 2
    assert counts(release(bench, run_id="r3")) == (2, 2, 0)


def test_a_repeated_key_stays_while_its_like_is_in_the_table(bench: Workbench) -> None:
    unique = rule("key", "unique", columns=["id"], keep="first", order_by="amount")
    twice = b'{"id":"1","amount":"1"}\n{"id":"1","amount":"2"}\n{"id":"2","amount":"3"}\n'
    take_in(bench, bench.land("a.json", twice), rules=[unique])
    before = len(bench.rows("quarantine/orders"))

    stays = release(bench, rules=[unique])
    goes = release(bench, run_id="r3", rules=[rule("key", "unique", columns=["id", "amount"])])

    assert before == 1
    assert counts(stays) == (1, 0, 1)
    assert counts(goes) == (1, 1, 0)
    assert [row[0] for row in bench.rows("orders", "id")] == [1, 1, 2]


def test_a_rule_that_fails_the_run_keeps_a_released_row_back_and_stops_nothing_else(bench: Workbench) -> None:
    take_in(bench, bench.land("a.json", FILE), rules=[POSITIVE])
    strict = [rule("positive", "range", "fail", column="amount", min=-2, max_failed_rows=0)]

    assert counts(release(bench, rules=strict, max_quarantined_share=0.0)) == (3, 1, 2)


def test_rows_of_an_appending_transformation_come_back_with_their_types(bench: Workbench) -> None:
    bench.save(
        "orders",
        "SELECT 1 AS id, CAST(1.5 AS decimal(8,2)) AS amount, timestamp'2024-01-02 03:04:05.25' AS at, "
        "date'2024-01-02' AS day, array(named_struct('a', 1)) AS parts, true AS ok, 0.5D AS half",
    )
    never = [rule("never", "range", column="id", min=2)]
    bench.transform(mode="append", rules=never)
    assert bench.rows("built") == []

    released = act(bench, "release", run_id="r2", dataset="built", kind="transform", mode="append")

    assert counts(released) == (1, 1, 0)
    there = bench.spark.read.format("delta").load(bench.table("built")).drop("_run_id").collect()
    expected = bench.spark.read.format("delta").load(bench.table("orders")).collect()
    assert [row.asDict(recursive=True) for row in there] == [row.asDict(recursive=True) for row in expected]


VALUES = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12),
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "exact": st.none() | st.decimals(-(10**12), 10**12, places=6),
        # Sail takes the seventeenth digit of a number in JSON for what it likes.
        "half": st.none() | st.floats(-1e6, 1e6).map(lambda value: round(value, 6)),
        "flag": st.none() | st.booleans(),
        "day": st.none() | st.dates(date(1, 1, 1)),
        "at": st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2262, 1, 1)),
        "tags": st.none() | st.lists(st.text('ab"\\,{}é', max_size=4), max_size=3),
    }
)
TYPES = (
    "text string, whole bigint, exact decimal(20,6), half double, flag boolean, day date, at timestamp, "
    "tags array<string>"
)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(VALUES, min_size=5, max_size=30))
def test_any_refused_row_comes_back_as_it_was(
    bench: Workbench, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    own = Workbench(bench.spark, tmp_path_factory.mktemp("values"))
    names = [part.split()[0] for part in TYPES.replace("(20,6)", "").split(", ")]
    numbered = [(at, *(row[name] for name in names)) for at, row in enumerate(rows)]
    frame = bench.spark.createDataFrame(numbered, f"id int, {TYPES}")
    frame.write.format("delta").save(own.table("orders"))
    own.transform(mode="append", rules=[rule("never", "range", column="id", max=-1)])

    released = act(own, "release", run_id="r2", dataset="built", kind="transform", mode="append")

    assert counts(released) == (len(rows), len(rows), 0)
    there = own.spark.read.format("delta").load(own.table("built")).drop("_run_id").orderBy("id").collect()
    before = own.spark.read.format("delta").load(own.table("orders")).orderBy("id").collect()
    assert [tuple(row) for row in there] == [tuple(row) for row in before]


def test_a_table_built_again_takes_the_place_of_all_it_refused(bench: Workbench) -> None:
    bench.save("orders", "SELECT 1 AS id, 'a' AS name UNION ALL SELECT -1, 'b'")
    positive = [rule("positive", "range", column="id", min=0)]
    for run_id in ("r1", "r2"):
        bench.transform(mode="merge", keys=["id"], rules=positive, run_id=run_id)
    assert len(bench.rows("quarantine/built")) == 2

    bench.transform(
        mode="merge", keys=["id"], run_id="r3", quarantine={"act": "rebuild", "by": "ada", "reason": None}
    )

    assert bench.rows("built", "id") == [(-1,), (1,)]
    assert bench.rows("quarantine/built") == []


def test_a_table_that_is_overwritten_holds_no_row_twice(bench: Workbench) -> None:
    bench.save("orders", "SELECT 1 AS id UNION ALL SELECT -1")
    positive = [rule("positive", "range", column="id", min=0)]
    for run_id in ("r1", "r2"):
        bench.transform(rules=positive, run_id=run_id)

    assert bench.rows("quarantine/built", "_run_id", "_state") == [("r2", "held")]


def test_a_table_that_is_overwritten_without_a_test_holds_no_row_that_is_in_it(bench: Workbench) -> None:
    bench.save("orders", "SELECT 1 AS id UNION ALL SELECT -1")
    bench.transform(rules=[rule("positive", "range", column="id", min=0)])

    bench.transform(run_id="r2")

    assert bench.rows("built", "id") == [(-1,), (1,)]
    assert bench.rows("quarantine/built") == []


@pytest.mark.parametrize("does", ["release", "discard"])
def test_rows_refused_by_a_run_that_failed_are_left_to_whoever_reads_them_again(
    bench: Workbench, does: str
) -> None:
    for run_id, name in (("r1", "a.json"), ("r2", "b.json")):
        take_in(bench, bench.land(name, b'{"id":"1","amount":"-1"}\n'), rules=[POSITIVE], run_id=run_id)

    done = act(bench, does, run_id="r3", output={"discard_runs": ["r1"]})

    assert done["rows_read"] == 1
    ended = bench.rows("quarantine/orders", "_run_id", "_state")
    assert ended == [("r2", "released" if does == "release" else "discarded")]


def test_an_act_on_a_dataset_that_refused_nothing_does_nothing(bench: Workbench) -> None:
    take_in(bench, bench.land("a.json", b'{"id":"1"}\n'))

    assert counts(release(bench)) == (0, 0, 0)
    assert counts(act(bench, "discard", run_id="r3")) == (0, 0, 0)
    assert bench.rows("orders", "id") == [(1,)]


@pytest.mark.parametrize("does", ["take in", "release", "discard"])
def test_a_quarantine_of_another_version_is_named_with_the_way_out(bench: Workbench, does: str) -> None:
    bench.save(
        "quarantine/orders", "SELECT 'r0' AS _run_id, 'ingest.orders' AS _node, array('old') AS _rules"
    )

    file = bench.land("a.json", FILE)
    result = take_in(bench, file, rules=[POSITIVE]) if does == "take in" else act(bench, does)

    error = result["error"]
    assert (result["status"], error["code"], error["kind"]) == ("failed", "LF4508", "definition")
    assert bench.table("quarantine/orders") in error["message"]
    assert "lacks _attempt" in error["message"]
    assert "delete the folder .landfall" in error["message"]
    assert bench.rows("quarantine/orders", "_rules") == [(["old"],)]
    assert not Path(bench.table("orders")).exists()


def take_in(bench: Workbench, file: dict[str, Any], **more: Any) -> dict[str, Any]:
    return bench.ingest(COLUMNS, file, format="json", **more)


def release(bench: Workbench, **more: Any) -> dict[str, Any]:
    return act(bench, "release", **more)


def act(
    bench: Workbench,
    does: str,
    *,
    run_id: str = "r2",
    rules_of: list[str] | None = None,
    runs: list[str] | None = None,
    files: list[str] | None = None,
    kind: str = "ingest",
    **more: Any,
) -> dict[str, Any]:
    """Run the node that acts on what it holds."""
    quarantine = {
        "act": does,
        "rules": rules_of or [],
        "runs": runs or [],
        "files": files or [],
        "by": "ada",
        "reason": "test data" if does == "discard" else None,
    }
    if kind == "transform":
        table = {"kind": "table", "name": "orders", "uri": bench.table("orders"), "version": None}
        return bench.run(kind=kind, run_id=run_id, inputs=[table], quarantine=quarantine, **more)
    return bench.ingest(COLUMNS, run_id=run_id, format="json", quarantine=quarantine, **more)


def held(bench: Workbench) -> list[tuple[str, int]]:
    """Return state and line of every row that was ever refused."""
    return bench.rows("quarantine/orders", "_state", "_line")
