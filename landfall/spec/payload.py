"""A product as plain JSON, the form in which versions of it are stored, and back."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from landfall.spec.copying import AfterCopy, Copy, Engine, Partitions, Watermark
from landfall.spec.model import (
    Check,
    Column,
    CompleteSet,
    Dataset,
    DatasetName,
    DatasetRef,
    ExecutionMode,
    FileFormat,
    Layer,
    Load,
    LoadMode,
    NodeSettings,
    OnFailure,
    Output,
    Owner,
    Port,
    Product,
    QualityRule,
    Restate,
    RunSettings,
    Schedule,
    SchemaDrift,
    ServiceLevel,
    Severity,
    SnapshotPer,
    Source,
    SourceType,
    Step,
    StepType,
    Transformation,
    TransformationName,
    Write,
    WriteMode,
)

# Raise it when a stored payload of today could no longer be read, and keep reading the older ones.
PAYLOAD_VERSION = 1

OBJECTS_OF_A_PART = 50
"""Sources, datasets, transformations, ports or service levels that are stored in one value, at most."""

# What of a payload grows with the product.
_LISTS = ("sources", "datasets", "transformations", "ports", "service_levels")

Value = TypeVar("Value", bound=Hashable)


def product_to_payload(product: Product) -> dict[str, Any]:
    """Return a product as plain JSON: dicts, lists, texts, numbers, booleans and ``None``.

    Equal products give equal payloads, so a hash over their canonical JSON tells whether anything changed.
    """
    payload = _plain(asdict(product))
    assert isinstance(payload, dict)  # noqa: S101  asdict gives a dict
    return {"payload_version": PAYLOAD_VERSION, **payload}


def parts_of(payload: Mapping[str, Any]) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Return a payload apart, for a product of ten thousand nodes has megabytes: its head, and bounded parts.

    The head is the payload without its objects; a part has some objects of one kind, ``{"datasets": [...]}``.
    """
    parts = (
        {name: payload[name][first : first + OBJECTS_OF_A_PART]}
        for name in _LISTS
        for first in range(0, len(payload.get(name, ())), OBJECTS_OF_A_PART)
    )
    return {key: [] if key in _LISTS else value for key, value in payload.items()}, parts


def whole_of(head: Mapping[str, Any], parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the payload that ``parts_of`` took apart."""
    whole: dict[str, Any] = {key: list(value) if key in _LISTS else value for key, value in head.items()}
    for name, items in _objects(parts):
        whole[name].extend(items)
    return whole


def product_from_payload(payload: Mapping[str, Any]) -> Product:
    """Return the product that ``product_to_payload`` turned into ``payload``.

    Raises:
        ValueError: The payload was written by a later version of Landfall.
    """
    return product_from_parts(*parts_of(payload))


def product_from_parts(head: Mapping[str, Any], parts: Iterable[Mapping[str, Any]]) -> Product:
    """Return the product whose payload ``parts_of`` took apart, made of one part after the other.

    Equal values within the product are one value: thousands of nodes are written in one way.

    Raises:
        ValueError: The payload was written by a later version of Landfall.
    """
    version = head["payload_version"]
    if version != PAYLOAD_VERSION:
        raise ValueError(
            f"a product stored in form {version} cannot be read; this Landfall reads {PAYLOAD_VERSION}"
        )
    shared = _Shared()
    readers: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
        "sources": _source,
        "datasets": partial(_dataset, shared),
        "transformations": partial(_transformation, shared),
        "ports": _port,
        "service_levels": lambda item: ServiceLevel(**item),
    }
    objects: dict[str, list[Any]] = {name: [] for name in _LISTS}
    for name, items in _objects(parts):
        objects[name].extend(map(readers[name], items))
    run = head["run"]
    return Product(
        domain=head["domain"],
        name=head["name"],
        owner=Owner(**head["owner"]),
        description=head["description"],
        sources=tuple(objects["sources"]),
        datasets=tuple(objects["datasets"]),
        transformations=tuple(objects["transformations"]),
        ports=tuple(objects["ports"]),
        run=RunSettings(
            **{
                **run,
                "schedules": tuple(Schedule(**item) for item in run["schedules"]),
                "on_failure": OnFailure(run.get("on_failure", OnFailure.CONTINUE)),
                "execution": ExecutionMode(run.get("execution", ExecutionMode.SINGLE)),
                "stated": tuple(run.get("stated", ())),
            }
        ),
        service_levels=tuple(objects["service_levels"]),
    )


class _Shared:
    """Gives an equal value that was there before in place of a further one."""

    def __init__(self) -> None:
        self._values: dict[tuple[type, Hashable], Any] = {}

    def __call__(self, value: Value) -> Value:
        # By type as well: an enum's member equals its text.
        shared: Value = self._values.setdefault((type(value), value), value)
        return shared


def _objects(parts: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    return chain.from_iterable(part.items() for part in parts)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    # An enum member is a text already, but writes itself as a member in some encoders.
    return str(value) if isinstance(value, str) else value


def _source(item: Mapping[str, Any]) -> Source:
    return Source(
        name=item["name"],
        type=SourceType(item["type"]),
        format=None if item["format"] is None else FileFormat(item["format"]),
        options=item["options"],
        connection=item["connection"],
        engine=Engine(item["engine"]) if item.get("engine") else None,
        secret=item.get("secret"),
        audience=item.get("audience"),
        host_key=item.get("host_key"),
    )


def _dataset(shared: _Shared, item: Mapping[str, Any]) -> Dataset:
    return Dataset(
        name=DatasetName(shared(item["name"])),
        layer=Layer(item["layer"]),
        source=item["source"],
        landing=item["landing"],
        complete=_complete(item["complete"]),
        columns=tuple(shared(Column(**column)) for column in item["columns"]),
        quality=tuple(_rule(rule) for rule in item["quality"]),
        description=item["description"],
        max_quarantined_share=item["max_quarantined_share"],
        schema_drift=SchemaDrift(item.get("schema_drift", SchemaDrift.QUARANTINE)),
        copy=_copy(item.get("copy")),
    )


def _copy(item: Mapping[str, Any] | None) -> Copy | None:
    if item is None:
        return None
    watermark, partitions = item["watermark"], item["partitions"]
    return Copy(
        **{
            **item,
            "watermark": watermark and Watermark(**watermark),
            "partitions": partitions and Partitions(**partitions),
            "after": AfterCopy(item["after"]),
        }
    )


def _complete(item: Mapping[str, Any] | None) -> CompleteSet | None:
    return None if item is None else CompleteSet(**{**item, "names": tuple(item["names"])})


def _rule(item: Mapping[str, Any]) -> QualityRule:
    return QualityRule(
        name=item["name"],
        check=Check(item["check"]),
        severity=Severity(item["severity"]),
        config=item["config"],
        filter=item["filter"],
        description=item["description"],
        max_failed_rows=item["max_failed_rows"],
        max_failed_share=item["max_failed_share"],
    )


def _transformation(shared: _Shared, item: Mapping[str, Any]) -> Transformation:
    output, run = item["output"], NodeSettings(**item.get("run", {}))
    return Transformation(
        name=TransformationName(shared(item["name"])),
        inputs=tuple(_ref(shared, ref) for ref in item["inputs"]),
        steps=tuple(_step(shared, step) for step in item["steps"]),
        output=Output(
            DatasetName(shared(output["dataset"])),
            Layer(output["layer"]),
            shared(_write(output["write"])),
        ),
        depends_on=tuple(TransformationName(shared(name)) for name in item["depends_on"]),
        description=item["description"],
        load=shared(_load(shared, item["load"])),
        run=_NO_SETTINGS if run == _NO_SETTINGS else run,
    )


_NO_SETTINGS = NodeSettings()


def _step(shared: _Shared, item: Mapping[str, Any]) -> Step:
    step = Step(StepType(item["type"]), item["config"])
    # Any other configuration is a list or an object, which has no hash.
    return shared(step) if isinstance(step.config, str) else step


def _ref(shared: _Shared, item: Mapping[str, Any]) -> DatasetRef:
    return shared(DatasetRef(DatasetName(shared(item["dataset"])), item["product"], item["version"]))


def _load(shared: _Shared, item: Mapping[str, Any]) -> Load:
    return Load(
        mode=LoadMode(item["mode"]),
        groups=tuple(item["groups"]),
        restate=None if item["restate"] is None else Restate(**item["restate"]),
        tolerate=tuple(_ref(shared, ref) for ref in item["tolerate"]),
    )


def _write(item: Mapping[str, Any]) -> Write:
    return Write(
        **{
            **item,
            "mode": WriteMode(item["mode"]),
            "keys": tuple(item["keys"]),
            "partition_by": tuple(item["partition_by"]),
            "snapshot_per": SnapshotPer(item["snapshot_per"]),
        }
    )


def _port(item: Mapping[str, Any]) -> Port:
    return Port(
        DatasetName(item["dataset"]),
        item["version"],
        item["contract"],
        tuple((name, kind) for name, kind in item.get("columns", ())),
        tuple(item.get("required", ())),
        tuple(item.get("key", ())),
    )
