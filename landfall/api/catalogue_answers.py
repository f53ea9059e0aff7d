"""What routes of the catalogue answer; ``answers`` tells how models are made."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.api.answers import Answer
from landfall.contracts.contract import Contract
from landfall.landing.dead_letters import DeadLetter
from landfall.metadata.alarms import Alarm
from landfall.metadata.versions import Version
from landfall.runs.attention import LateDelivery
from landfall.runs.dataset_history import Build, QualityCheck
from landfall.runs.dataset_list import DatasetSummary
from landfall.runs.finding import Found
from landfall.runs.leases import Pause
from landfall.runs.product_detail import Consumer
from landfall.runs.product_list import ProductSummary
from landfall.runs.queries import RunSummary
from landfall.runs.refused_list import RefusedRows
from landfall.runs.states import RunState


class ProductPage(Answer):
    """Products."""

    products: list[ProductSummary]
    following: str | None


class PortAnswer(Answer):
    """A dataset that other products may read."""

    dataset: str
    version: int
    contract: str | None


class RunRowsAnswer(Answer):
    """How the rows of one run fared."""

    run_id: str
    state: RunState
    created_at: datetime
    rows_read: int
    rows_quarantined: int
    refused_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDetail(ProductSummary):
    """One product."""

    pause: Pause | None
    port_list: list[PortAnswer]
    consumers: list[Consumer]
    rows_by_run: list[RunRowsAnswer]


class DatasetPage(Answer):
    """Datasets by product and name."""

    datasets: list[DatasetSummary]
    following: str | None


class ColumnAnswer(Answer):
    """A column, with its Spark SQL type."""

    name: str
    type: str
    nullable: bool


class RuleAnswer(Answer):
    """A quality rule, and what becomes of rows that break it."""

    name: str
    check: str
    severity: str


class DatasetDetail(Answer):
    """What is declared of a dataset; ``ports`` are the versions in which others may read it."""

    product: str
    name: str
    description: str
    layer: str
    landing: str | None
    columns: list[ColumnAnswer]
    rules: list[RuleAnswer]
    ports: list[int]


class ContractList(Answer):
    """What the ports of a product promise, in the order of its file."""

    contracts: list[Contract]


class PreviewAnswer(Answer):
    """Some rows of a table; a value that JSON has no form for is a text."""

    product: str
    dataset: str
    version: int
    columns: list[str]
    rows: list[dict[str, Any]]


class RefusedPage(Answer):
    """Datasets of which rows were refused, those first of which some were refused last."""

    datasets: list[RefusedRows]
    following: str | None


class FoundAnswer(Answer):
    """What a text was found in."""

    found: list[Found]


class CheckPage(Answer):
    """What rules found, the newest first."""

    checks: list[QualityCheck]
    following: str | None


class BuildPage(Answer):
    """Builds of a dataset, the newest first."""

    builds: list[Build]
    following: str | None


class VersionPage(Answer):
    """What was applied, the newest first."""

    versions: list[Version]
    following: str | None


class ChangeAnswer(Answer):
    """One change of a product file."""

    kind: str
    path: str
    before: Any
    after: Any


class VersionDetail(Answer):
    """A version and what it changed."""

    version: Version
    before: int | None
    changes: list[ChangeAnswer]


class RolledBack(Answer):
    """The version that a roll back wrote."""

    product: str
    version: int
    restores: int | None


class PausedAnswer(Answer):
    """A product that opens no new run."""

    product: str
    pause: Pause


class AttentionAnswer(Answer):
    """What needs somebody."""

    late: list[LateDelivery]
    failed: list[RunSummary]
    broken: list[DatasetSummary]
    letters: list[DeadLetter]
    dead: int
    files: dict[str, int]
    alarms: list[Alarm]
    paused: list[PausedAnswer]
