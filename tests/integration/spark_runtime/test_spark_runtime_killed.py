"""Jobs killed at their commits, in processes of their own, and the same job run three times at once."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.integration.spark_runtime import workbench
from tests.integration.spark_runtime.engine import an_engine
from tests.integration.spark_runtime.workbench import Workbench, rule

ROWS = "SELECT * FROM VALUES {} AS t(id, at, op)"
FIRST, SECOND = "(1, 1, 'U'), (2, 5, 'U')", "(1, 3, 'X'), (1, 2, 'U'), (2, 6, 'D'), (3, 1, 'U')"
KEYED = {"keys": ["id"], "order_by": "at", "delete_when": "op = 'D'"}
CASES: dict[str, dict[str, Any]] = {
    "append": {"mode": "append"},
    "scd1": {"mode": "scd1", "write": KEYED},
    "scd2": {"mode": "scd2", "write": KEYED},
    "replace_partitions": {"mode": "replace_partitions", "write": {"partition_by": ["id"]}},
}

# Runs a job and kills it at its nth commit: just before it, within it (files of it are there, the log may not know
# them yet), or just after it. The engine dies with it if its process is named.
DOOMED = """
import os, signal, sys, threading
from pathlib import Path
from pyspark.sql import SparkSession
from spark_runtime.delta import DeltaTables
from spark_runtime.main import run_spec

engine, spec, last, when = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
doomed = [*map(int, sys.argv[5:]), os.getpid()]
done = 0

def die():
    for process in doomed:
        os.kill(process, signal.SIGKILL)

def files(uri):
    return set(Path(uri).rglob("*.parquet*"))

def die_at_a_new_file(uri, there):
    while files(uri) == there:
        pass
    die()

def deadly(write):
    def once(tables, uri, *arguments, **named):
        global done
        done += 1
        if done == last and when == "before":
            die()
        if done == last and when == "within":
            threading.Thread(target=die_at_a_new_file, args=(uri, files(uri)), daemon=True).start()
        write(tables, uri, *arguments, **named)
        if done == last:
            die()
    return once

for name in ("overwrite", "replace_slice", "merge"):
    setattr(DeltaTables, name, deadly(getattr(DeltaTables, name)))
run_spec(SparkSession.builder.remote(engine).create(), spec)
"""


def built(bench: Workbench, case: str, dataset: str, values: str, run: str) -> None:
    bench.save("orders", ROWS.format(values))
    result = bench.transform(dataset=dataset, run_id=run, **CASES[case])
    assert result["error"] is None, result["error"]


@pytest.mark.parametrize(
    ("case", "commit", "when"),
    [
        ("append", 1, "before"),
        ("append", 1, "within"),
        ("append", 1, "after"),
        ("scd1", 1, "after"),
        ("scd2", 1, "before"),
        ("scd2", 1, "after"),
        ("scd2", 2, "within"),
        ("scd2", 2, "after"),
        ("replace_partitions", 1, "within"),
        ("replace_partitions", 1, "after"),
    ],
)
def test_a_killed_job_that_is_repeated_leaves_the_table_of_one_that_was_not(
    bench: Workbench, engine: str, monkeypatch: pytest.MonkeyPatch, case: str, commit: int, when: str
) -> None:
    for dataset in ("built", "untouched"):
        built(bench, case, dataset, FIRST, "r1")
    bench.save("orders", ROWS.format(SECOND))

    with killed(monkeypatch, engine, commit, when):
        bench.transform(dataset="built", run_id="r2", **CASES[case])
    for dataset in ("built", "untouched"):
        built(bench, case, dataset, SECOND, "r2")

    assert bench.rows("built") == bench.rows("untouched")


@pytest.mark.parametrize("case", ["append", "scd2"])
def test_an_engine_that_dies_within_a_commit_costs_no_row(
    bench: Workbench, azurite_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    for dataset in ("built", "untouched"):
        built(bench, case, dataset, FIRST, "r1")
    bench.save("orders", ROWS.format(SECOND))

    with an_engine(azurite_port, tmp_path / "log") as (address, process):  # noqa: SIM117 - one dies inside the other
        with killed(monkeypatch, address, 1, "within", process):
            bench.transform(dataset="built", run_id="r2", **CASES[case])
    for dataset in ("built", "untouched"):
        built(bench, case, dataset, SECOND, "r2")

    assert bench.rows("built") == bench.rows("untouched")


@pytest.mark.parametrize(
    ("act", "commit", "when", "again"),
    [
        ("release", 1, "before", "attempt"),
        ("release", 1, "after", "attempt"),
        ("release", 1, "after", "run"),
        ("release", 2, "after", "attempt"),
        ("release", 2, "after", "run"),
        ("discard", 1, "after", "run"),
    ],
)
def test_a_killed_act_on_quarantined_rows_is_done_once_by_whoever_comes_next(
    bench: Workbench,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    commit: int,
    when: str,
    again: str,
) -> None:
    file = bench.land("a.csv", b"id\n1\n-2\n-3\nx\n")
    bench.ingest("id int", file, rules=[rule("positive", "range", column="id", min=0)])
    held = {"act": act, "rules": ["positive"], "by": "ada", "reason": "test data"}

    with killed(monkeypatch, engine, commit, when):
        bench.ingest("id int", run_id="r2", quarantine=held)
    retry: dict[str, Any] = {"run_id": "r2", "attempt": 2}
    if again == "run":
        retry = {"run_id": "r3", "output": {"discard_runs": ["r2"]}}
    assert bench.ingest("id int", quarantine=held, **retry)["error"] is None

    own, state = retry["run_id"], "released" if act == "release" else "discarded"
    assert bench.rows("orders", "id", "_run_id") == sorted(
        [(1, "r1"), *([(-2, own), (-3, own)] if act == "release" else [])], key=str
    )
    ended = bench.rows("quarantine/orders", "_line", "_state", "_ended_run")
    assert ended == [(3, state, own), (4, state, own), (5, "held", None)]


@contextmanager
def killed(
    monkeypatch: pytest.MonkeyPatch, engine: str, commit: int, when: str, *with_it: int
) -> Iterator[None]:
    """Have the job that the block runs killed in a process of its own, and other processes with it."""

    def die(_spark: SparkSession, spec: str) -> None:
        command = [sys.executable, "-c", DOOMED, engine, spec, str(commit), when, *map(str, with_it)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        raise ProcessLookupError

    with monkeypatch.context() as patched:
        patched.setattr(workbench, "run_spec", die)
        with pytest.raises(ProcessLookupError):
            yield


@pytest.mark.parametrize("case", CASES)
def test_the_same_job_three_times_at_once_leaves_the_table_of_once(
    bench: Workbench, engine: str, case: str
) -> None:
    for dataset in ("built", "untouched"):
        built(bench, case, dataset, FIRST, "r1")
    built(bench, case, "untouched", SECOND, "r2")
    sessions = [SparkSession.builder.remote(engine).create() for _ in range(3)]
    twins = [Workbench(session, bench.folder, number * 100) for number, session in enumerate(sessions, 1)]

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda twin: _attempted(twin, case), twins))

    for session in sessions:
        session.stop()
    assert [result["error"] for result in results] == [None] * 3
    assert bench.rows("built") == bench.rows("untouched")


def _attempted(twin: Workbench, case: str) -> dict[str, Any]:
    """Return the result of a job that is tried again where the engine failed, as a run does."""
    for _ in range(2):
        result = twin.transform(run_id="r2", **CASES[case])
        # With several clients at once Sail seldom loses sight of what one of them asked for.
        if result["error"] is None or result["error"]["kind"] != "engine":
            return result
    return twin.transform(run_id="r2", **CASES[case])
