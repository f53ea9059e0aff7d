"""Builders for tests: each gives a valid value, so that a test names only the fields it is about."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from landfall.landing.events import BlobEvent
from landfall.spec.model import (
    Check,
    Column,
    CompleteSet,
    Dataset,
    DatasetName,
    DatasetRef,
    FileFormat,
    Layer,
    Output,
    Owner,
    Port,
    Product,
    QualityRule,
    RunSettings,
    Severity,
    Source,
    SourceType,
    Step,
    StepType,
    Transformation,
    TransformationName,
    Write,
)


def a_ref(text: str) -> DatasetRef:
    """Return the reference that ``text`` stands for: ``dataset`` or ``domain/product.dataset@1``."""
    if "/" not in text:
        return DatasetRef(DatasetName(text))
    product, _, port = text.rpartition(".")
    dataset, _, version = port.partition("@")
    return DatasetRef(DatasetName(dataset), product=product, version=int(version))


def a_column(name: str = "id", type: str = "int", *, nullable: bool = True) -> Column:  # noqa: A002 the field's name
    return Column(name, type, nullable=nullable)


def a_rule(
    name: str = "id_known",
    *,
    check: Check = Check.NOT_NULL,
    severity: Severity = Severity.QUARANTINE,
    config: dict[str, Any] | None = None,
    filter: str | None = None,  # noqa: A002 the field's name
) -> QualityRule:
    return QualityRule(name, check, severity, config or {"columns": ["id"]}, filter=filter)


def a_landed_dataset(
    name: str = "orders_landed",
    *,
    landing: str | None = None,
    complete: CompleteSet | None = None,
    columns: Sequence[Column] = (Column("id", "int"),),
    quality: Sequence[QualityRule] = (),
    layer: Layer = Layer.BRONZE,
) -> Dataset:
    return Dataset(
        DatasetName(name),
        layer,
        source="files",
        landing=landing or f"{name}/*.csv",
        complete=complete,
        columns=tuple(columns),
        quality=tuple(quality),
    )


def a_built_dataset(
    name: str = "orders",
    *,
    layer: Layer = Layer.SILVER,
    columns: Sequence[Column] = (),
    quality: Sequence[QualityRule] = (),
) -> Dataset:
    return Dataset(DatasetName(name), layer, columns=tuple(columns), quality=tuple(quality))


def a_transformation(
    name: str = "build_orders",
    *,
    inputs: Sequence[str] = ("orders_landed",),
    output: str | None = None,
    layer: Layer = Layer.SILVER,
    steps: Sequence[Step] = (Step(StepType.FILTER, "id is not null"),),
    write: Write | None = None,
    depends_on: Sequence[str] = (),
) -> Transformation:
    """Return a transformation; its output is named like itself without ``build_`` unless given."""
    return Transformation(
        TransformationName(name),
        inputs=tuple(a_ref(text) for text in inputs),
        steps=tuple(steps),
        output=Output(DatasetName(output or name.removeprefix("build_")), layer, write or Write()),
        depends_on=tuple(TransformationName(other) for other in depends_on),
    )


def a_source(name: str = "files", *, format: FileFormat = FileFormat.CSV) -> Source:  # noqa: A002 the field's name
    return Source(name, SourceType.FILE, format, options={"header": True})


def a_product(
    *transformations: Transformation,
    landed: Sequence[Dataset | str] = ("orders_landed",),
    built: Sequence[Dataset] = (),
    ports: Sequence[Port] = (),
    run: RunSettings | None = None,
    domain: str = "sales",
    name: str = "orders",
) -> Product:
    """Return a sound product: every output is listed as a dataset, whether or not ``built`` describes it."""
    datasets = [item if isinstance(item, Dataset) else a_landed_dataset(item) for item in landed]
    datasets += built
    listed = {dataset.name for dataset in datasets}
    for transformation in transformations:
        output = transformation.output
        if output.dataset not in listed:
            listed.add(output.dataset)
            datasets.append(a_built_dataset(output.dataset, layer=output.layer))
    return Product(
        domain=domain,
        name=name,
        owner=Owner("sales-data", "sales-data@contoso.example"),
        description="Orders of the shop.",
        sources=(a_source(),),
        datasets=tuple(datasets),
        transformations=transformations,
        ports=tuple(ports),
        run=run or RunSettings(),
    )


def a_blob_event(
    path: str = "sales/orders/orders_landed/a.csv",
    *,
    container: str = "landing",
    etag: str = "0x1",
    size_bytes: int = 100,
    sequencer: str | None = None,
) -> BlobEvent:
    return BlobEvent(
        url=f"https://contoso.blob.core.windows.net/{container}/{path}",
        container=container,
        path=path,
        etag=etag,
        size_bytes=size_bytes,
        sequencer=sequencer,
        occurred_at=datetime(2026, 1, 1, 12, 0, tzinfo=UTC),
    )
