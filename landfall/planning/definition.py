"""What a plan pins of each node: the part of its node spec that no attempt changes, as plain JSON."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from landfall.planning.graph import GraphNode
from landfall.planning.plan import NodeKind
from landfall.planning.promises import promised_rules
from landfall.spec.landing_patterns import captured_types
from landfall.spec.model import (
    Column,
    Dataset,
    DatasetRef,
    Layer,
    Load,
    LoadMode,
    NodeSettings,
    Output,
    Product,
    QualityRule,
    Step,
    Write,
    WriteMode,
)


class NodeDefinitions:
    """Turns the nodes of one product into the definitions that its plans pin.

    Args:
        product: A sound product.
        port_layers: Layer of each foreign port, by ``str(DatasetRef)``. The own product file does not say
            it; the layer of a port that is absent here is ``None``.
        full: Whether incremental nodes are to read everything for once.
    """

    def __init__(self, product: Product, port_layers: Mapping[str, Layer], *, full: bool = False) -> None:
        self._product = product.key
        self._ports = product.ports
        self._port_layers = port_layers
        self._full = full
        self._sources = {source.name: source for source in product.sources}
        self._datasets = {dataset.name: dataset for dataset in product.datasets}
        self._transformations = {item.name: item for item in product.transformations}

    def layer_of(self, node: GraphNode) -> Layer:
        """Return the layer of what a node builds."""
        if node.kind is NodeKind.INGEST:
            return self._datasets[node.output].layer
        return self._transformations[_name(node)].output.layer

    def of(self, node: GraphNode) -> dict[str, Any]:
        """Return the definition of one node; ``PlanNode`` says what it holds."""
        if node.kind is NodeKind.INGEST:
            return self._of_ingest(self._datasets[node.output])
        transformation = self._transformations[_name(node)]
        dataset = self._datasets[transformation.output.dataset]
        return {
            "kind": NodeKind.TRANSFORM.value,
            "source": None,
            "inputs": [self._input(ref) for ref in node.inputs],
            "columns": [],
            "steps": [_step(step) for step in transformation.steps],
            "rules": self._rules(dataset, transformation.output.write),
            "output": self._output(transformation.output, dataset),
            "load": self._load(transformation.load),
            **_run(transformation.run),
        }

    def _load(self, load: Load) -> dict[str, Any] | None:
        if load.mode is LoadMode.FULL:
            return None
        restate = load.restate
        return {
            "full": self._full,
            "groups": list(load.groups),
            "restate": None if restate is None else {"column": restate.column, "days": restate.days},
            "tolerate": [ref.dataset for ref in load.tolerate],
        }

    def _of_ingest(self, dataset: Dataset) -> dict[str, Any]:
        source = self._sources[dataset.source] if dataset.source is not None else None
        # Every landed file adds its rows once; what repeats or corrects rows is for the silver layer.
        output = Output(dataset.name, dataset.layer, Write(WriteMode.APPEND))
        return {
            "kind": NodeKind.INGEST.value,
            "source": source
            and {
                "format": None if source.format is None else source.format.value,
                "options": _plain(source.options),
                # What the landing path says of each file, as columns of its rows.
                "captured": [
                    {"name": name, "type": kind}
                    for name, kind in captured_types(dataset.landing or "").items()
                ],
                "drift": dataset.schema_drift.value,
                # What settling the node has to know of files that were copied.
                **({} if dataset.copy is None else {"copied": {"watermark_of": dataset.copy.watermark_of}}),
            },
            "inputs": [],
            "columns": _columns(dataset.columns),
            "steps": [],
            "rules": self._rules(dataset, output.write),
            "output": self._output(output, dataset),
            "load": None,
        }

    def _rules(self, dataset: Dataset, write: Write) -> list[dict[str, Any]]:
        ports = [port for port in self._ports if port.dataset == dataset.name]
        return [_rule(rule) for rule in (*dataset.quality, *promised_rules(dataset, ports, write))]

    def _output(self, output: Output, dataset: Dataset) -> dict[str, Any]:
        contracts = [
            {"port": f"{self._product}.{port.dataset}@{port.version}", "columns": dict(port.columns)}
            for port in self._ports
            if port.dataset == dataset.name and port.columns
        ]
        return {
            "dataset": output.dataset,
            "layer": output.layer.value,
            "write": output.write.to_payload(),
            "columns": _columns(dataset.columns),
            **_limits(dataset, "max_quarantined_share"),
            **({"contracts": contracts} if contracts else {}),
        }

    def _input(self, ref: DatasetRef) -> dict[str, Any]:
        if ref.product is None:
            layer: Layer | None = self._datasets[ref.dataset].layer
        else:
            layer = self._port_layers.get(str(ref))
        return {
            "name": ref.dataset,
            "dataset": ref.dataset,
            "layer": None if layer is None else layer.value,
            "product": self._product if ref.product is None else ref.product,
            # Of a port, when the run is opened; the product's own tables move with the run.
            "version": None,
        }


def definition_hash(definition: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a node does, whatever versions it reads and whether it once reads everything."""
    load = definition["load"] and {**definition["load"], "full": False}
    inputs = [{**item, "version": None} for item in definition["inputs"]]
    does = {key: value for key, value in definition.items() if key != "run"} | {
        "load": load,
        "inputs": inputs,
    }
    return hashlib.sha256(json.dumps(does, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _name(node: GraphNode) -> Any:
    # The key of a transformation's node is its name; the two NewTypes differ for the type checker only.
    return node.key


def _run(settings: NodeSettings) -> dict[str, Any]:
    """Return what the node's own settings say; nothing where they leave everything to the product."""
    stated = {name: value for name, value in asdict(settings).items() if value is not None}
    return {"run": stated} if stated else {}


def _limits(item: object, *names: str) -> dict[str, Any]:
    """Return the limits that are set."""
    return {name: getattr(item, name) for name in names if getattr(item, name) is not None}


def _columns(columns: Sequence[Column]) -> list[dict[str, Any]]:
    return [column_definition(column) for column in columns]


def column_definition(column: Column) -> dict[str, Any]:
    """Return a column as a node spec declares it; what says nothing of its own is left out."""
    in_files = {
        "from": column.source_name,
        "format": column.format,
        "start": column.start,
        "width": column.width,
    }
    return {
        "name": column.name,
        "type": column.type,
        "nullable": column.nullable,
        **{key: value for key, value in in_files.items() if value is not None},
    }


def _step(step: Step) -> dict[str, Any]:
    return {"type": step.type.value, "config": _plain(step.config)}


def _rule(rule: QualityRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "check": rule.check.value,
        "severity": rule.severity.value,
        "config": _plain(rule.config),
        "filter": rule.filter,
        **_limits(rule, "max_failed_rows", "max_failed_share"),
    }


def _plain(value: Any) -> Any:
    """Return a JSON value as plain dicts and lists, so that it equals what a round trip through JSON gives."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
