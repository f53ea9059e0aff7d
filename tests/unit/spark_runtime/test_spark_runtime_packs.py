"""A pack in the runtime: order, versions, results as they come, and what is passed over."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

import spark_runtime
from spark_runtime.errors import FaultKind, InvalidNodeSpec
from spark_runtime.failures import Failure
from spark_runtime.input_spec import TableInput
from spark_runtime.output_spec import Output
from spark_runtime.pack import PackNode, PackSpec, pack_result, parse_pack_spec, run_pack
from spark_runtime.result import NodeResult, NodeStatus, OutputResult
from spark_runtime.spec import NodeKind, NodeSpec
from spark_runtime.write_spec import Write, WriteMode

SCHEMAS = Path(spark_runtime.__file__).parent / "schemas"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_node(name: str, *after: str, refused: Failure | None = None) -> PackNode:
    """Return a node that reads the tables of those before it, or some other one."""
    inputs = tuple(TableInput(one, f"abfss://lake/{one}", None) for one in after or ("base",))
    output = Output(name, f"abfss://lake/{name}", f"abfss://lake/q/{name}", (), Write(WriteMode.OVERWRITE))
    return PackNode(
        NodeSpec(
            "r1", "sales/orders", name, 1, NodeKind.TRANSFORM, inputs, (), (), output, f"abfss://c/{name}"
        ),
        after,
        refused,
    )


def a_pack(*nodes: PackNode, fails_fast: bool = False, keep_every_s: float = 0) -> PackSpec:
    every = timedelta(seconds=keep_every_s)
    return PackSpec("r1", "pack.1", nodes, fails_fast, every, "abfss://c/parts", "abfss://c/pack")


class Engine:
    """Builds nodes in memory, each in a second, those named in ``failing`` badly.

    Attributes:
        kept: The nodes in each text that was written, by its address.
    """

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.now = NOW
        self.read: dict[str, list[int | None]] = {}
        self.kept: dict[str, list[str]] = {}

    def execute(self, spec: NodeSpec) -> NodeResult:
        self.now += timedelta(seconds=1)
        self.read[spec.node] = [item.version for item in spec.inputs if isinstance(item, TableInput)]
        if spec.node in self.failing:
            return NodeResult(spec, NodeStatus.FAILED, error=Failure("LF4571", FaultKind.DATA, "told to"))
        return NodeResult(spec, NodeStatus.SUCCEEDED, output=OutputResult(spec.node, spec.output.uri, 7, ()))

    def keep(self, uri: str, text: str) -> None:
        self.kept[uri] = [item["node"] for item in json.loads(text)["nodes"]]

    def run(self, pack: PackSpec) -> list[str]:
        return [item.result.spec.node for item in run_pack(pack, self.execute, self.keep, lambda: self.now)]


def test_a_node_reads_what_its_neighbour_has_just_written() -> None:
    engine = Engine()

    engine.run(a_pack(a_node("a"), a_node("b", "a")))

    assert engine.read == {"a": [None], "b": [7]}


def test_what_depends_on_a_failed_node_is_passed_over_and_the_rest_is_built() -> None:
    engine = Engine("a")

    begun = engine.run(a_pack(a_node("a"), a_node("b", "a"), a_node("c", "b"), a_node("d")))

    assert begun == ["a", "d"]


def test_a_pack_that_fails_fast_ends_with_the_failed_node() -> None:
    assert Engine("a").run(a_pack(a_node("a"), a_node("d"), fails_fast=True)) == ["a"]


def test_a_refused_node_fails_without_being_executed() -> None:
    engine = Engine()
    pack = a_pack(a_node("a", refused=Failure("LF3122", FaultKind.DATA, "gone")), a_node("d"))

    assert engine.run(pack) == ["a", "d"]
    assert list(engine.read) == ["d"]


def test_results_are_kept_one_by_one_before_the_next_node_begins() -> None:
    class Dies(Engine):
        def execute(self, spec: NodeSpec) -> NodeResult:
            if spec.node == "b":
                raise SystemExit(1)
            return super().execute(spec)

    engine = Dies()
    with pytest.raises(SystemExit):
        engine.run(a_pack(a_node("a"), a_node("b"), a_node("c")))

    assert engine.kept == {"abfss://c/parts/1": ["a"]}


def test_small_nodes_share_a_write() -> None:
    engine = Engine()

    engine.run(a_pack(*map(a_node, "abcde"), keep_every_s=2))

    assert engine.kept == {
        "abfss://c/parts/1": ["a", "b"],
        "abfss://c/parts/3": ["c", "d"],
        "abfss://c/pack": ["a", "b", "c", "d", "e"],
    }


def test_the_result_is_what_its_schema_says() -> None:
    engine = Engine("d")
    pack = a_pack(a_node("a"), a_node("d"))
    executed = run_pack(pack, engine.execute, engine.keep, lambda: engine.now)

    document = json.loads(pack_result(pack, executed))

    jsonschema.validate(document, json.loads((SCHEMAS / "pack_result.schema.json").read_text()))
    node = json.loads((SCHEMAS / "node_result.schema.json").read_text())
    for item in document["nodes"]:
        jsonschema.validate(item["result"], node)


def test_a_spec_of_another_version_or_without_a_part_is_refused() -> None:
    with pytest.raises(InvalidNodeSpec, match="only 1"):
        parse_pack_spec({"schema_version": 2})
    with pytest.raises(InvalidNodeSpec, match="run_id"):
        parse_pack_spec({"schema_version": 1})
