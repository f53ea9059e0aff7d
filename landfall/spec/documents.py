"""The shape of a product file: one pydantic model per kind of object in it.

The models say what may stand where. What needs more than one object to judge (names that refer to each other,
columns, cycles) is left to the checks. Nothing outside ``landfall.spec`` sees these models.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from landfall.spec.copy_documents import CopyDocument
from landfall.spec.document import Document as Document
from landfall.spec.document import text_or_mapping
from landfall.spec.fields import (
    Duration,
    Email,
    FilePath,
    LandingPath,
    MarkerPath,
    Name,
    OneRun,
    PositiveInt,
    Reference,
    Scalar,
    Schedule,
    Text,
    TimeZone,
    Webhook,
    fault,
)
from landfall.spec.load_documents import LoadField
from landfall.spec.model import ExecutionMode, Layer, LoadMode, OnFailure, SchemaDrift, StepType
from landfall.spec.rule_documents import RuleDocument, Share
from landfall.spec.service_level_documents import ServiceLevelDocument
from landfall.spec.source_documents import ColumnDocument as ColumnDocument
from landfall.spec.source_documents import SourceDocument as SourceDocument
from landfall.spec.step_documents import StepDocument
from landfall.spec.write_documents import WriteDocument

# Strict models take only members of an enum; a file holds their text.
LayerField = Annotated[Layer, Field(strict=False)]


class OwnerDocument(Document):
    team: Annotated[str, Field(min_length=1)]
    email: Email
    webhook: Webhook | None = Field(
        default=None,
        description="Told of the alarms of the product; never an address that is a secret itself",
    )


class CompleteDocument(Document):
    """What makes files that are taken in together complete: a marker, a manifest, a count or names."""

    marker: MarkerPath | None = None
    manifest: MarkerPath | None = None
    count: PositiveInt | None = None
    names: Annotated[list[FilePath], Field(min_length=1, max_length=1000)] | None = None
    within: Duration

    @model_validator(mode="after")
    def _has_one(self) -> "CompleteDocument":
        given = [key for key in ("marker", "manifest", "count", "names") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "nothing"
            remedy = "write one of marker:, manifest:, count: and names:"
            raise fault("LF1030", f"a set of files is complete by one thing, and {found} is given", remedy)
        return self


class LandingDocument(Document):
    path: LandingPath
    complete: CompleteDocument | None = None


class DatasetDocument(Document):
    name: Name
    source: Name | None = None
    landing: LandingDocument | None = None
    extract: CopyDocument | None = Field(
        default=None, alias="copy", description="What of its source is copied into the landing zone"
    )
    layer: LayerField | None = None
    columns: list[ColumnDocument] = []
    schema_drift: Annotated[SchemaDrift, Field(strict=False)] = SchemaDrift.QUARANTINE
    quality: list[RuleDocument] = []
    max_quarantined_share: Share | None = Field(
        default=None, description="Largest share of the rows of a run that may go to quarantine, from 0 to 1"
    )
    description: Text = ""


class OutputDocument(Document):
    dataset: Name
    layer: LayerField
    write: WriteDocument = WriteDocument()


class NodeRunDocument(Document):
    """What is different for the attempts of one node from what its product says."""

    retries: Annotated[int, Field(ge=0, le=10)] | None = None
    retry_delay: Duration | None = None
    retry_delay_max: Duration | None = None
    timeout: Duration | None = None


class TransformationDocument(Document):
    name: Name
    description: Text = ""
    inputs: Annotated[list[Reference], Field(min_length=1)]
    depends_on: list[Name] = []
    load: LoadField = LoadMode.FULL
    steps: Annotated[list[StepDocument], Field(min_length=1, max_length=200)] | None = None
    type: Annotated[StepType, Field(strict=False)] | None = Field(
        default=None, description="Type of the only step, in place of steps"
    )
    config: Any = Field(default=None, description="What the only step does, beside type")
    output: OutputDocument
    run: NodeRunDocument = NodeRunDocument()

    @model_validator(mode="after")
    def _has_steps_or_one(self) -> "TransformationDocument":
        if self.steps is None and self.type is None:
            remedy = "add steps: with at least one step; select: ['*'] hands all rows on as they are"
            raise fault("LF1030", f"transformation '{self.name}' does nothing", remedy)
        if self.steps is not None and (self.type is not None or self.config is not None):
            message = f"transformation '{self.name}' has steps and type or config"
            raise fault("LF1030", message, "keep steps; type and config are for a single step")
        if self.type is not None and self.config is None:
            message = f"transformation '{self.name}' has type without config"
            raise fault("LF1030", message, "add config: with what the step does")
        return self


class PortDocument(Document):
    dataset: Name
    version: PositiveInt
    contract: FilePath | None = None


class ScheduleDocument(Document):
    schedule: Schedule
    time_zone: TimeZone = "UTC"


Trigger = Annotated[
    Annotated[Literal["landing", "upstream"], Tag("text")] | Annotated[ScheduleDocument, Tag("mapping")],
    Discriminator(text_or_mapping),
]


class RunDocument(Document):
    on: list[Trigger] | None = None
    settle: Duration | None = None
    max_wait: Duration | None = None
    max_files: Annotated[int, Field(ge=1, le=50_000)] | None = None
    max_parallel_nodes: Annotated[int, Field(ge=1, le=1000)] | None = None
    max_parallel_runs: OneRun | None = None
    retries: Annotated[int, Field(ge=0, le=10)] | None = None
    retry_delay: Duration | None = None
    retry_delay_max: Duration | None = None
    timeout: Duration | None = None
    on_failure: Annotated[OnFailure, Field(strict=False)] | None = None


class ExecutionDocument(Document):
    """How nodes come to job runs: each to one of its own, or small ones together to one."""

    mode: Annotated[ExecutionMode, Field(strict=False)] | None = None
    max_nodes: Annotated[int, Field(ge=1, le=200)] | None = Field(
        default=None, description="Most nodes that share a job run"
    )
    max_duration: Duration | None = Field(
        default=None,
        description="Longest time that the nodes of a job run are expected to take together, after former runs",
    )


class ProductDocument(Document):
    """A data product: its sources, datasets, transformations, quality rules, published ports and service levels."""

    api_version: Literal["landfall/v1"]
    domain: Name
    name: Name
    owner: OwnerDocument
    description: Text = ""
    sources: list[SourceDocument] = []
    datasets: list[DatasetDocument] = []
    transformations: list[TransformationDocument] = []
    ports: list[PortDocument] = []
    run: RunDocument = RunDocument()
    execution: ExecutionDocument = ExecutionDocument()
    service_levels: list[ServiceLevelDocument] = []


class TargetDocument(Document):
    """Where one target runs; nothing here is a secret."""

    database_url: Text | None = None
    storage_account: Text | None = None
    blob_endpoint: Text | None = None
    databricks_host: Text | None = None
    job_id: PositiveInt | None = None
    functions_url: Text | None = None
    managed_identity_client_id: Text | None = None
    job_packages: list[Text] = Field(
        default=[], description="Python packages in the environment of its jobs, beside the runtime's own"
    )
    variables: dict[Name, Scalar] = {}


class DefaultsDocument(Document):
    run: RunDocument = RunDocument()
    execution: ExecutionDocument = ExecutionDocument()


class ProjectDocument(Document):
    """A project: its targets, variables and defaults."""

    name: Annotated[str, Field(min_length=1)]
    default_target: Name | None = None
    targets: dict[Name, TargetDocument] = {}
    variables: dict[Name, Scalar] = {}
    defaults: DefaultsDocument = DefaultsDocument()
