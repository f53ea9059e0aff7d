"""A product as plain JSON, the form in which versions of it are stored, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

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


def product_to_payload(product: Product) -> dict[str, Any]:
    """Return a product as plain JSON: dicts, lists, texts, numbers, booleans and ``None``.

    Equal products give equal payloads, so a hash over their canonical JSON tells whether anything changed.
    """
    payload = _plain(asdict(product))
    assert isinstance(payload, dict)  # noqa: S101  asdict gives a dict
    return {"payload_version": PAYLOAD_VERSION, **payload}


def product_from_payload(payload: Mapping[str, Any]) -> Product:
    """Return the product that ``product_to_payload`` turned into ``payload``.

    Raises:
        ValueError: The payload was written by a later version of Landfall.
    """
    version = payload["payload_version"]
    if version != PAYLOAD_VERSION:
        raise ValueError(
            f"a product stored in form {version} cannot be read; this Landfall reads {PAYLOAD_VERSION}"
        )
    run = payload["run"]
    return Product(
        domain=payload["domain"],
        name=payload["name"],
        owner=Owner(**payload["owner"]),
        description=payload["description"],
        sources=tuple(_source(item) for item in payload["sources"]),
        datasets=tuple(_dataset(item) for item in payload["datasets"]),
        transformations=tuple(_transformation(item) for item in payload["transformations"]),
        ports=tuple(_port(item) for item in payload["ports"]),
        run=RunSettings(
            **{
                **run,
                "schedules": tuple(Schedule(**item) for item in run["schedules"]),
                "on_failure": OnFailure(run.get("on_failure", OnFailure.CONTINUE)),
                "execution": ExecutionMode(run.get("execution", ExecutionMode.SINGLE)),
                "stated": tuple(run.get("stated", ())),
            }
        ),
        service_levels=tuple(ServiceLevel(**item) for item in payload.get("service_levels", ())),
    )


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


def _dataset(item: Mapping[str, Any]) -> Dataset:
    return Dataset(
        name=DatasetName(item["name"]),
        layer=Layer(item["layer"]),
        source=item["source"],
        landing=item["landing"],
        complete=_complete(item["complete"]),
        columns=tuple(Column(**column) for column in item["columns"]),
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


def _transformation(item: Mapping[str, Any]) -> Transformation:
    output = item["output"]
    return Transformation(
        name=TransformationName(item["name"]),
        inputs=tuple(map(_ref, item["inputs"])),
        steps=tuple(Step(StepType(step["type"]), step["config"]) for step in item["steps"]),
        output=Output(
            DatasetName(output["dataset"]),
            Layer(output["layer"]),
            _write(output["write"]),
        ),
        depends_on=tuple(TransformationName(name) for name in item["depends_on"]),
        description=item["description"],
        load=_load(item["load"]),
        run=NodeSettings(**item.get("run", {})),
    )


def _ref(item: Mapping[str, Any]) -> DatasetRef:
    return DatasetRef(DatasetName(item["dataset"]), item["product"], item["version"])


def _load(item: Mapping[str, Any]) -> Load:
    return Load(
        mode=LoadMode(item["mode"]),
        groups=tuple(item["groups"]),
        restate=None if item["restate"] is None else Restate(**item["restate"]),
        tolerate=tuple(map(_ref, item["tolerate"])),
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
