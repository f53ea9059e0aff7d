"""What an incremental node takes for new, on the real engine, and when it reads everything and says why."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from spark_runtime import write
from spark_runtime.delta import DeltaTables
from tests.integration.spark_runtime.workbench import Workbench, counts

COLUMNS = "id int; day date; amount int"


@dataclass
class Flow:
    """A landed table and an incremental node that reads it, run after run, with the state that SQL would keep."""

    bench: Workbench
    mode: str = "append"
    steps: tuple[dict[str, Any], ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    version: int | None = None
    state: dict[str, Any] | None = None
    runs: int = 0

    def land(self, *rows: str, run: str = "") -> None:
        """Take in rows such as ``1,2024-03-01,5`` as a run of their own."""
        self.runs += 1
        text = "\n".join(("id,day,amount", *rows, ""))
        file = self.bench.land(f"{self.runs}.csv", text.encode())
        result = self.bench.ingest(COLUMNS, file, run_id=run or f"r{self.runs}")
        self.version = result["output"]["version"]

    def build(self, *, keep: bool = True, run: str = "", **more: Any) -> dict[str, Any]:
        """Build the node from what is landed; ``keep`` says whether the state moves on, as it does on success."""
        load: dict[str, Any] = {"since": self.state, "reason": "first build", "groups": [], "restate": None}
        load |= self.more.get("load", {})
        result = self.bench.transform(
            *self.steps,
            mode=self.mode,
            versions={"orders": self.version},
            run_id=run or f"r{self.runs}",
            load=load,
            **{key: value for key, value in {**self.more, **more}.items() if key != "load"},
        )
        assert result["error"] is None, result["error"]
        if keep:
            (read,) = result["inputs"]
            self.state = {"version": read["version"], "stamp": read["stamp"]}
        return result


@pytest.fixture
def flow(bench: Workbench) -> Flow:
    return Flow(bench)


def test_only_new_rows_are_read(flow: Flow) -> None:
    flow.land("1,2024-03-01,5", "2,2024-03-01,6")
    first = flow.build()
    flow.land("3,2024-03-02,7")

    second = flow.build()

    assert first["load"] == {"mode": "full", "reason": "first build"}
    assert second["load"]["mode"] == "incremental"
    assert [counts(result) for result in (first, second)] == [(2, 2, 0), (1, 1, 0)]
    assert flow.bench.rows("built", "id", "_run_id") == [(1, "r1"), (2, "r1"), (3, "r2")]


def test_without_new_rows_nothing_changes(flow: Flow) -> None:
    flow.land("1,2024-03-01,5")
    flow.build()

    result = flow.build(run="r9")

    assert (result["load"]["mode"], counts(result)) == ("incremental", (0, 0, 0))
    assert flow.bench.rows("built", "id") == [(1,)]


def test_a_node_that_did_not_succeed_reads_its_rows_again(flow: Flow) -> None:
    flow.land("1,2024-03-01,5")
    flow.build()
    flow.land("2,2024-03-01,6")
    flow.build(keep=False)
    flow.land("3,2024-03-01,7")

    result = flow.build(output={"discard_runs": ["r2"]})

    assert counts(result) == (2, 2, 0)
    assert flow.bench.rows("built", "id") == [(1,), (2,), (3,)]


def test_a_pinned_version_does_not_see_what_came_after(flow: Flow) -> None:
    flow.land("1,2024-03-01,5")
    pinned = flow.version
    flow.land("2,2024-03-01,6")
    flow.version = pinned

    flow.build()

    assert flow.bench.rows("built", "id") == [(1,)]
    assert flow.state is not None
    assert flow.state["version"] == pinned


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("overwrite", "was changed in version"),
        ("delete", "was changed in version"),
        ("again", "have been written again"),
        ("anew", "another table has taken the place"),
        ("shorter", "is not shortly before"),
        ("gone", "no longer reaches back"),
    ],
)
def test_an_input_that_was_not_only_appended_to_is_read_whole(
    flow: Flow, change: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = flow.bench
    uri = bench.table("orders")
    flow.land("1,2024-03-01,5")
    flow.land("2,2024-03-01,6")
    flow.build()
    if change == "overwrite":
        bench.spark.read.format("delta").load(uri).where("id > 1").write.format("delta").mode(
            "overwrite"
        ).save(uri)
    elif change == "delete":
        bench.spark.sql(f"DELETE FROM delta.`{uri}` WHERE id = 1").collect()  # noqa: S608
    elif change == "again":
        flow.land("1,2024-03-01,50", run="r1")
    elif change == "anew":
        assert flow.state is not None
        flow.state["stamp"] = "12345"
    elif change == "shorter":
        assert flow.state is not None
        flow.state["version"] += 50
    elif change == "gone":
        # What a log looks like whose old entries were removed after a checkpoint.
        kept = DeltaTables.commits
        monkeypatch.setattr(DeltaTables, "commits", lambda *args: kept(*args)[1:])
    flow.land("3,2024-03-02,7")

    result = flow.build(keep=False)

    assert result["load"]["mode"] == "full"
    assert reason in result["load"]["reason"]
    wanted = {row[0] for row in bench.rows("orders", "id")}
    assert {row[0] for row in bench.rows("built", "id")} == wanted
    assert len(bench.rows("built")) == len(bench.rows("orders"))


def test_late_rows_bring_their_whole_group_along(bench: Workbench) -> None:
    flow = Flow(
        bench,
        mode="replace_partitions",
        steps=({"aggregate": {"by": ["day"], "measures": {"revenue": "sum(amount)"}}},),
        more={"write": {"partition_by": ["day"]}, "load": {"groups": ["day"]}},
    )
    flow.land("1,2024-03-01,5", "2,2024-03-02,6", "3,,1")
    flow.build()
    flow.land("4,2024-03-01,10", "5,,2")

    result = flow.build()

    assert result["load"]["mode"] == "incremental"
    assert bench.rows("built", "CAST(day AS string)", "revenue") == [
        ("2024-03-01", 15),
        ("2024-03-02", 6),
        (None, 3),
    ]


def test_a_restated_range_is_read_each_time(bench: Workbench) -> None:
    flow = Flow(
        bench,
        mode="merge",
        more={"keys": ["id"], "load": {"restate": {"column": "day", "days": 2}}},
    )
    flow.land("1,2024-03-01,5", "2,2024-03-04,6", "3,2024-03-05,6")
    flow.build()
    flow.land("4,2024-02-01,10")

    result = flow.build()

    assert result["load"]["mode"] == "incremental"
    assert counts(result) == (3, 3, 0), "the new row, and those from the third of March on"


def test_a_full_load_of_an_appending_node_starts_anew(flow: Flow) -> None:
    flow.land("1,2024-03-01,5")
    flow.build()
    flow.land("2,2024-03-01,6")
    flow.build()
    flow.state = None

    flow.build(run="r7")

    assert flow.bench.rows("built", "id", "_run_id") == [(1, "r7"), (2, "r7")]


def test_a_job_that_dies_after_its_commit_is_repeated_without_harm(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow.land("1,2024-03-01,5")
    flow.build()
    flow.land("2,2024-03-01,6")
    with monkeypatch.context() as patched:
        patched.setattr(write, "Publication", lambda *_: pytest.fail("the job dies here"))
        with pytest.raises(pytest.fail.Exception):
            flow.build()
    assert len(flow.bench.rows("built")) == 2

    flow.build()

    assert flow.bench.rows("built", "id") == [(1,), (2,)]
