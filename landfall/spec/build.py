"""Turns a product file that fits its models into the values of ``landfall.spec.model``."""

from typing import Any

from landfall.spec.copy_documents import CopyDocument
from landfall.spec.copying import Copy, Partitions, Watermark
from landfall.spec.documents import (
    ColumnDocument,
    CompleteDocument,
    DatasetDocument,
    OutputDocument,
    PortDocument,
    ProductDocument,
    SourceDocument,
    TransformationDocument,
)
from landfall.spec.durations import seconds
from landfall.spec.landing_patterns import commits_of
from landfall.spec.load_documents import LoadDocument
from landfall.spec.model import (
    Check,
    Column,
    CompleteSet,
    Dataset,
    DatasetName,
    DatasetRef,
    FileFormat,
    Layer,
    Load,
    LoadMode,
    Output,
    Owner,
    Port,
    Product,
    QualityRule,
    Restate,
    RunSettings,
    ServiceLevel,
    Source,
    SourceType,
    Step,
    StepType,
    Transformation,
    TransformationName,
)
from landfall.spec.project import node_settings, run_settings
from landfall.spec.rule_documents import RuleDocument
from landfall.spec.service_level_documents import ServiceLevelDocument
from landfall.spec.step_documents import StepDocument

# What every check has; the rest of a rule is its configuration.
_RULE_KEYS = {
    "name",
    "check",
    "severity",
    "filter",
    "description",
    "max_failed_rows",
    "max_failed_share",
}


def build_product(document: ProductDocument, defaults: RunSettings) -> Product:
    """Return the product a file declares; datasets that only a transformation names come last."""
    transformations = tuple(_transformation(item) for item in document.transformations)
    layers = {item.output.dataset: item.output.layer for item in transformations}
    tables = {source.name for source in document.sources if source.format is FileFormat.DELTA}
    datasets = [_dataset(item, layers, is_table=item.source in tables) for item in document.datasets]
    declared = {dataset.name for dataset in datasets}
    datasets.extend(Dataset(name, layer) for name, layer in layers.items() if name not in declared)
    return Product(
        domain=document.domain,
        name=document.name,
        owner=Owner(document.owner.team, document.owner.email, document.owner.webhook),
        description=document.description.strip(),
        sources=tuple(_source(item) for item in document.sources),
        datasets=tuple(datasets),
        transformations=transformations,
        ports=tuple(_port(item) for item in document.ports),
        run=run_settings(document.run, document.execution, defaults),
        service_levels=tuple(_service_level(item) for item in document.service_levels),
    )


def _source(document: SourceDocument) -> Source:
    # What the batch copy writes unless the source says otherwise; of SFTP it copies files as they are.
    copied = {SourceType.DATABASE: FileFormat.PARQUET, SourceType.API: FileFormat.JSON}.get(document.type)
    return Source(
        name=document.name,
        type=document.type,
        format=document.format or copied,
        options=document.options.model_dump(exclude_unset=True),
        connection=document.connection,
        engine=document.engine,
        secret=document.secret,
        audience=document.audience,
        host_key=document.host_key,
    )


def _dataset(document: DatasetDocument, built: dict[DatasetName, Layer], *, is_table: bool) -> Dataset:
    name = DatasetName(document.name)
    landing = document.landing.path if document.landing is not None else None
    if landing is not None and is_table:
        # What lands of a Delta table are its commits: they come last, and say which files count.
        landing = commits_of(landing)
    if document.extract is not None and landing is None:
        landing = f"{name}/**/*" if document.extract.table is None else f"{name}/*.parquet"
    return Dataset(
        name=name,
        layer=document.layer or built.get(name, Layer.BRONZE),
        source=document.source,
        landing=landing,
        complete=_complete(document.landing.path, document.landing.complete) if document.landing else None,
        columns=tuple(_column(item) for item in document.columns),
        quality=tuple(build_rule(item) for item in document.quality),
        description=document.description.strip(),
        max_quarantined_share=document.max_quarantined_share,
        schema_drift=document.schema_drift,
        copy=_copy(document.extract),
    )


def _copy(document: CopyDocument | None) -> Copy | None:
    if document is None:
        return None
    mark, parts = document.watermark, document.partitions
    watermark: Watermark | None = None
    if isinstance(mark, str):
        watermark = Watermark(mark)
    elif mark is not None:
        delay_s = seconds(mark.delay) if mark.delay is not None else 0.0
        watermark = Watermark(mark.column, delay_s, mark.parameter)
    return Copy(
        table=document.table,
        filter=document.filter,
        watermark=watermark,
        partitions=None if parts is None else Partitions(parts.column, parts.count),
        path=document.path,
        items=document.items,
        next_page=document.next_page,
        after=document.after,
    )


def _complete(path: str, document: CompleteDocument | None) -> CompleteSet | None:
    if document is None:
        return None
    folder, slash, _ = path.rpartition("/")

    def beside(name: str | None) -> str | None:
        # A bare name lies in the folder of the files.
        return name if name is None or "/" in name else f"{folder}{slash}{name}"

    return CompleteSet(
        within_s=seconds(document.within),
        marker=beside(document.marker),
        manifest=beside(document.manifest),
        count=document.count,
        names=tuple(document.names or ()),
    )


def _column(document: ColumnDocument) -> Column:
    return Column(
        document.name,
        document.type,
        document.nullable,
        document.description.strip(),
        source_name=document.source_name,
        format=document.format,
        start=document.start,
        width=document.width,
    )


def build_rule(document: RuleDocument) -> QualityRule:
    """Return the rule that a document of it declares."""
    config = document.model_dump(mode="json", exclude=_RULE_KEYS, exclude_unset=True, exclude_none=True)
    if "max_age" in config:
        config["max_age_s"] = seconds(config.pop("max_age"))
    return QualityRule(
        name=document.name,
        check=Check(document.check),
        severity=document.severity,
        config=config,
        filter=document.filter,
        description=document.description.strip(),
        max_failed_rows=document.max_failed_rows,
        max_failed_share=document.max_failed_share,
    )


def _transformation(document: TransformationDocument) -> Transformation:
    return Transformation(
        name=TransformationName(document.name),
        inputs=tuple(DatasetRef.parse(text) for text in document.inputs),
        steps=_steps(document),
        output=_output(document.output),
        depends_on=tuple(TransformationName(name) for name in document.depends_on),
        description=document.description.strip(),
        load=_load(document.load),
        run=node_settings(document.run),
    )


def _load(document: LoadMode | LoadDocument) -> Load:
    if isinstance(document, LoadMode):
        return Load(document)
    restate = document.restate
    return Load(
        mode=document.mode,
        groups=tuple(document.groups),
        restate=None if restate is None else Restate(restate.column, restate.days),
        tolerate=tuple(DatasetRef.parse(text) for text in document.tolerate),
    )


def _steps(document: TransformationDocument) -> tuple[Step, ...]:
    if document.steps is None:
        assert document.type is not None  # noqa: S101  the model asks for one of the two
        return (_step(StepDocument.model_validate({document.type.value: document.config})),)
    return tuple(_step(item) for item in document.steps)


def _step(document: StepDocument) -> Step:
    written: dict[str, Any] = document.model_dump(by_alias=True, exclude_unset=True)
    kind, config = next(iter(written.items()))
    return Step(StepType(kind), config)


def _output(document: OutputDocument) -> Output:
    return Output(DatasetName(document.dataset), document.layer, document.write.to_write())


def _port(document: PortDocument) -> Port:
    return Port(DatasetName(document.dataset), document.version, document.contract)


def _service_level(document: ServiceLevelDocument) -> ServiceLevel:
    if document.freshness is not None:
        fresh = document.freshness
        return ServiceLevel(document.name, seconds(fresh.max_age), dataset=DatasetName(fresh.dataset))
    assert document.success is not None  # noqa: S101  the model asks for one of the two
    return ServiceLevel(document.name, seconds(document.success.over), min_share=document.success.share)
