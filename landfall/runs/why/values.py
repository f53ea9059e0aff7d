"""What `why` is given and what it answers: evidence of a dataset, run or file, and findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from landfall.landing.queries import LandedFile
from landfall.planning.plan import NodeKey
from landfall.runs.file_history import Intake
from landfall.runs.ids import RunID
from landfall.runs.leases import Lease
from landfall.runs.queries import RunDetail

MOST_NAMES = 8


class Cause(StrEnum):
    """What a finding is about; kept between versions, for programs that read findings."""

    NEVER_LANDED = "never_landed"
    NEVER_BUILT = "never_built"
    PAUSED = "paused"
    RUN_OPEN = "run_open"
    SETTLING = "settling"
    SCHEDULED = "scheduled"
    SCHEDULE_LATE = "schedule_late"
    SET_INCOMPLETE = "set_incomplete"
    COORDINATOR_LATE = "coordinator_late"
    NO_TRIGGER = "no_trigger"
    CLAIMED = "claimed"
    REJECTED = "rejected"
    REPLACED = "replaced"
    EMPTY = "empty"
    UNMATCHED = "unmatched"
    NOT_STARTED = "not_started"
    WAITING = "waiting"
    LIMITED = "limited"
    THROTTLED = "throttled"
    RETRYING = "retrying"
    AT_WORK = "at_work"
    FAILED = "failed"
    QUALITY_GATE = "quality_gate"
    SKIPPED = "skipped"
    LEFT_OUT = "left_out"
    CANCELLED = "cancelled"
    METADATA_CHANGED = "metadata_changed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause.

    Attributes:
        about: What it is about: a dataset, node, run, file or product.
        says: The cause, in words.
        do: What to do; ``None`` where there is nothing but to wait, or nothing to be done.
        since: When it began, where that is known.
    """

    about: str
    cause: Cause
    says: str
    do: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class NextDue:
    """A schedule of a product, and when it comes due next."""

    cron: str
    time_zone: str
    at: datetime

    def __str__(self) -> str:
        return f"schedule '{self.cron}' ({self.time_zone})"


@dataclass(frozen=True, slots=True)
class ProductEvidence:
    """What decides whether a product opens a run; the windows are those in effect, seconds.

    Attributes:
        open_run: The run that is at work.
        schedules: The next one first.
    """

    key: str
    settle_s: float
    max_wait_s: float
    on_landing: bool
    lease: Lease
    open_run: RunID | None
    schedules: tuple[NextDue, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenSet:
    """A set of landed files that is not complete.

    Attributes:
        key: What names the set; empty where sets follow one another.
        missing: What it waits for, in words; ``None`` if only its deadline is to come.
        files: Files of it that are there.
    """

    dataset: str
    key: str
    missing: str | None
    files: int
    opened_at: datetime
    deadline_at: datetime | None


@dataclass(frozen=True, slots=True)
class FileEvidence:
    """One landed file version.

    Attributes:
        product: The product in whose folder it lies, if that has been applied.
        expected_by: The dataset that expects it by the metadata applied now.
        newer: A later version of the same path.
        open_set: The set whose rest it waits for.
        intake: What the run that claimed it made of it and of the files that it claimed with it.
    """

    file: LandedFile
    product: ProductEvidence | None
    expected_by: str | None
    newer: int | None
    open_set: OpenSet | None = None
    intake: Intake | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of places, and how many of them are taken.

    Attributes:
        name: The setting.
    """

    name: str
    places: int
    taken: int

    @property
    def is_reached(self) -> bool:
        return self.taken >= self.places


@dataclass(frozen=True, slots=True)
class Gate:
    """The pace at which job runs are started, and until when the Jobs API asked everybody to wait."""

    per_second: float
    per_hour: int
    held_until: datetime | None = None
    hold_reason: str | None = None


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """One run.

    Attributes:
        of_run: The places of the run.
        of_product: Those of its product, over all its runs.
        of_all: Those of the installation.
        cancelled_by: Who asked for its end.
    """

    detail: RunDetail
    of_run: Limit
    of_product: Limit
    of_all: Limit
    gate: Gate
    cancelled_by: str | None


@dataclass(frozen=True, slots=True)
class WaitingFiles:
    """Files of a landed dataset that wait for a run; ``since`` is when the oldest of them landed."""

    dataset: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class WaitingRequests:
    """Runs that were asked for and are not opened; the oldest was asked for by ``by`` at ``since``."""

    count: int
    by: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Publication:
    """The newest publication of a dataset."""

    at: datetime
    run_id: str
    metadata_version: int | None


@dataclass(frozen=True, slots=True)
class DatasetEvidence:
    """One dataset of a product.

    Attributes:
        node: The node that builds it; ``None`` if nothing does.
        landing: Landing pattern of a landed dataset.
        version: The metadata version applied now.
        missing: Inputs that have never been published.
        waiting: Files that wait, of this dataset and of those upstream of it.
        asked: Runs of the product that were asked for and wait.
        open_sets: Sets of files that are not complete, of the same datasets.
        rejected: The newest file of a landed dataset, if it was rejected.
        landed: Whether any file ever landed for it.
        unmatched: Files in the product's folder that no dataset expects.
        last: The newest run with its node.
        left_out: A newer run that left its node out, with the reason.
    """

    product: ProductEvidence
    name: str
    node: NodeKey | None
    landing: str | None
    version: int
    published: Publication | None
    missing: tuple[str, ...] = ()
    waiting: tuple[WaitingFiles, ...] = ()
    asked: WaitingRequests | None = None
    open_sets: tuple[OpenSet, ...] = ()
    rejected: LandedFile | None = None
    landed: bool = True
    unmatched: int = 0
    last: RunEvidence | None = None
    left_out: tuple[RunID, str] | None = None

    @property
    def full_name(self) -> str:
        return f"{self.product.key}.{self.name}"


Evidence = FileEvidence | RunEvidence | DatasetEvidence


def some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
