"""The node spec as frozen values: everything one job needs, parsed from its JSON document."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from spark_runtime.errors import InvalidNodeSpec
from spark_runtime.held_spec import Held, HeldAct, parse_held
from spark_runtime.input_spec import FilesInput, TableInput, parse_input
from spark_runtime.load_spec import Load, parse_load
from spark_runtime.output_spec import Output, parse_output
from spark_runtime.rule_spec import Rule, parse_rule
from spark_runtime.spec_object import SpecObject
from spark_runtime.step_spec import Step, parse_step
from spark_runtime.write_spec import WriteMode

SCHEMA_VERSION = 1


class NodeKind(StrEnum):
    INGEST = "ingest"
    TRANSFORM = "transform"
    NOOP = "noop"


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """Everything one attempt of a node needs.

    Attributes:
        run_date: The date on which the run began (UTC), ``YYYY-MM-DD``; what a daily snapshot is called by.
        former_rows: Rows that former runs of the node published, the newest first; empty if no rule asks for them.
        load: How an incremental node reads; ``None`` for one that reads everything each time.
        held: What it does with rows in quarantine; ``None`` for a node that builds as ever.
    """

    run_id: str
    product: str
    node: str
    attempt: int
    kind: NodeKind
    inputs: tuple[FilesInput | TableInput, ...]
    steps: tuple[Step, ...]
    rules: tuple[Rule, ...]
    output: Output
    result_uri: str
    trace: Mapping[str, str] = field(default_factory=dict)
    run_date: str = ""
    former_rows: tuple[int, ...] = ()
    load: Load | None = None
    held: Held | None = None

    @property
    def releases(self) -> bool:
        """Whether the node reads rows in quarantine instead of its inputs."""
        return self.held is not None and self.held.act is HeldAct.RELEASE

    @property
    def idempotency_key(self) -> str:
        """``run/node/attempt``: the same key twice has the effect of once."""
        return f"{self.run_id}/{self.node}/{self.attempt}"


def parse_node_spec(text: str) -> NodeSpec:
    """Return the spec that a JSON document holds.

    Raises:
        InvalidNodeSpec: The document is not JSON or breaks ``node_spec.schema.json``; the message lists every
            fault with its place, for example ``$.output.write.mode: 'upsert' is not one of append, …``.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidNodeSpec(f"the node spec is not JSON: {error}. Was the file cut off?") from error
    faults: list[str] = []
    spec = _node_spec(SpecObject(document, "$", faults))
    if faults:
        raise InvalidNodeSpec("the node spec is not valid: " + "; ".join(faults))
    return spec


def _node_spec(root: SpecObject) -> NodeSpec:
    version = root.integer("schema_version")
    if version != SCHEMA_VERSION:
        root.fault(
            "schema_version",
            f"{version!r} is not understood, only {SCHEMA_VERSION}; install the spark_runtime of this release",
        )
    spec = NodeSpec(
        run_id=root.text("run_id"),
        product=root.text("product"),
        node=root.text("node"),
        attempt=root.integer("attempt", minimum=1),
        kind=root.choice("kind", NodeKind, NodeKind.NOOP),
        trace=root.mapping("trace", optional=True),
        inputs=tuple(parse_input(item) for item in root.objects("inputs")),
        steps=tuple(parse_step(item) for item in root.objects("steps")),
        rules=tuple(parse_rule(item) for item in root.objects("rules")),
        output=parse_output(root.object("output")),
        result_uri=root.text("result_uri"),
        run_date=root.text("run_date", optional=True),
        former_rows=root.integers("former_rows"),
        load=None if (load := root.optional_object("load")) is None else parse_load(load),
        held=None if (held := root.optional_object("quarantine")) is None else parse_held(held),
    )
    if spec.output.write.mode is WriteMode.SNAPSHOT and not _is_date(spec.run_date):
        root.fault("run_date", "a snapshot needs the date of its run, as in 2024-03-01")
    root.refuse_unknown()
    _check_inputs(spec, root)
    return spec


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_inputs(spec: NodeSpec, root: SpecObject) -> None:
    if spec.kind is NodeKind.NOOP:
        return
    if not spec.inputs:
        root.fault("inputs", f"a node of kind {spec.kind} needs at least one")
    of_files = [item for item in spec.inputs if isinstance(item, FilesInput)]
    if spec.kind is NodeKind.INGEST and (len(spec.inputs) != 1 or len(of_files) != 1):
        root.fault("inputs", "an ingest node has exactly one input, of kind files")
    if spec.kind is NodeKind.TRANSFORM and of_files:
        root.fault("inputs", "a transform node reads tables only")
    for item in of_files:
        uris = [file.uri for file in item.files]
        if not uris and spec.held is None:
            root.fault("inputs", f"'{item.name}' lists no file")
        if len(set(uris)) != len(uris):
            root.fault("inputs", f"'{item.name}' lists a file twice, and its rows would count twice")
        if not item.columns:
            root.fault("inputs", f"'{item.name}' declares no columns")
