"""Incremental and full loads build one table, on the real engine, from random changes in random portions.

An example holds many keys, each with a random sequence of its own, so that few runs of the engine try many sequences.
The result is held against a model that knows all changes at once, and against a full load of the same input.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from tests.integration.spark_runtime.workbench import Workbench

# Key, moment, value, whether it is a delete marker.
Change = tuple[int, int, str, bool]
COLUMNS = "id int; at int; value string; op string"
KEYED = {"keys": ["id"], "order_by": "at", "delete_when": "op = 'D'"}

CHANGES = st.lists(
    st.tuples(st.integers(1, 40), st.integers(1, 6), st.sampled_from("abc"), st.booleans()),
    min_size=60,
    max_size=200,
)


def settled(changes: Sequence[Change]) -> dict[int, list[tuple[int, str, bool]]]:
    """Return by key the one change of each moment that counts: a delete marker, else the largest value."""
    moments: dict[int, dict[int, tuple[bool, str]]] = defaultdict(dict)
    for key, at, value, gone in changes:
        moments[key][at] = max(moments[key].get(at, (False, "")), (gone, value))
    return {
        key: [(at, value, gone) for at, (gone, value) in sorted(found.items())]
        for key, found in moments.items()
    }


def latest(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    newest = {key: found[-1] for key, found in settled(changes).items()}
    return sorted((key, at, value) for key, (at, value, gone) in newest.items() if not gone)


def versions(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    rows = []
    for key, found in settled(changes).items():
        told: list[tuple[int, str, bool] | None] = [None, *found]
        kept = [
            now
            for before, now in pairwise(told)
            if now is not None and (before is None or now[2] or before[2] or before[1] != now[1])
        ]
        for (at, value, gone), after in zip(kept, [*kept[1:], None], strict=True):
            if not gone:
                until = None if after is None else after[0]
                rows.append((key, value, at, until, until is None))
    return sorted(rows, key=str)


def sums(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    counted: dict[int, int] = defaultdict(int)
    for key, *_ in changes:
        counted[key] += 1
    return sorted(counted.items(), key=str)


def everything(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    return sorted(((key, at, value) for key, at, value, _ in changes), key=str)


CASES: dict[str, tuple[dict[str, Any], list[str], Callable[[Sequence[Change]], list[tuple[Any, ...]]]]] = {
    "append": ({"mode": "append"}, ["id", "at", "value"], everything),
    "merge": ({"mode": "merge", "write": KEYED}, ["id", "at", "value"], latest),
    "scd1": ({"mode": "scd1", "write": KEYED}, ["id", "at", "value"], latest),
    "scd2": (
        {"mode": "scd2", "write": KEYED},
        ["id", "value", "valid_from", "valid_to", "is_current"],
        versions,
    ),
    "replace_partitions": (
        {"mode": "replace_partitions", "write": {"partition_by": ["id"]}, "groups": ["id"]},
        ["id", "changes"],
        sums,
    ),
}


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=2, suppress_health_check=list(HealthCheck))
@given(changes=CHANGES, cuts=st.lists(st.integers(0, 200), min_size=2, max_size=3), repeat=st.booleans())
def test_portions_do_not_matter(
    spark: SparkSession, case: str, changes: list[Change], cuts: list[int], repeat: bool
) -> None:
    options, columns, model = CASES[case]
    options = dict(options)
    groups = options.pop("groups", [])
    steps = [{"aggregate": {"by": ["id"], "measures": {"changes": "count(*)"}}}] if groups else []
    edges = [0, *sorted(cuts), len(changes)]
    portions = [portion for start, end in pairwise(edges) if (portion := changes[start:end])]
    if repeat and case != "append":
        portions.append(portions[0])
    with TemporaryDirectory() as folder:
        bench = Workbench(spark, Path(folder))
        state = None
        taken: list[Change] = []
        for number, portion in enumerate(portions, 1):
            taken += portion
            lines = [",".join(map(str, row)) for row in _lines(portion)]
            file = bench.land(f"{number}.csv", "\n".join(["id,at,value,op", *lines, ""]).encode())
            version = bench.ingest(COLUMNS, file, run_id=f"r{number}")["output"]["version"]
            load = {"since": state, "reason": "first", "groups": groups, "restate": None}
            pinned = {"orders": version}
            result = bench.transform(*steps, versions=pinned, run_id=f"r{number}", load=load, **options)
            assert result["error"] is None, result["error"]
            assert result["load"]["mode"] == ("incremental" if state else "full")
            (read,) = result["inputs"]
            state = {"version": read["version"], "stamp": read["stamp"]}
        full = bench.transform(*steps, dataset="full", run_id="full", **options)
        assert full["error"] is None, full["error"]

        assert sorted(bench.rows("built", *columns), key=str) == sorted(model(taken), key=str)
        assert bench.rows("built", *columns) == bench.rows("full", *columns)


def _lines(portion: Sequence[Change]) -> list[tuple[Any, ...]]:
    return [(key, at, value, "D" if gone else "U") for key, at, value, gone in portion]
