"""What routes answer, as models: the description is made of them, and tests hold answers against it.

Where a value of the domain has the names that the answer has, it is the model itself.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from landfall.copying.plan import CopyItem, WaitingCopy
from landfall.landing.dead_letters import LetterState
from landfall.landing.replay import LeftFile
from landfall.lineage.edges import DependencyKind
from landfall.metadata.audit import AuditedAct
from landfall.runs.bulk import Outcome
from landfall.runs.callbacks import Callback
from landfall.runs.held_rows import RefusedRow
from landfall.runs.queries import Stop
from landfall.runs.states import NodeState, RunState
from landfall.runs.why.values import Finding


class Answer(BaseModel):
    """An answer; it may grow, so callers pass over fields they do not know."""


class Problem(Answer):
    """A refusal, as a problem document of RFC 9457."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "UnknownRun",
                    "status": 404,
                    "detail": "There is no run 'x'. `landfall runs list` shows those there are.",
                    "code": "LF3203",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(pattern=r"^LF\d{4}$", description="Stable; docs/errors.md lists them.")
    faults: list[str] = Field([], description="Everything that is wrong with the request.")


class StartedRun(Answer):
    """A request for a run that was taken; ``Location`` answers 202 until the run has ended."""

    request_id: str
    product: str
    status_uri: str
    product_paused: bool


class RequestAnswer(Answer):
    """Where a request stands."""

    request_id: str
    product: str
    run_id: str | None
    state: str
    reason: str | None
    callbacks: list[Callback]


class CopyPlanAnswer(Answer):
    """What of a product is to be copied now, and what has to wait."""

    product: str
    key: str
    items: list[CopyItem]
    waiting: list[WaitingCopy]


class PauseAnswer(Answer):
    """A product that opens no new run."""

    product: str
    paused_since: datetime
    paused_by: str | None
    reason: str | None


class ResumeAnswer(Answer):
    """A product that opens runs again."""

    product: str
    was_paused: bool
    started: bool


class RunAnswer(Answer):
    """One run."""

    run_id: str
    product: str
    trigger: str
    state: RunState
    reason: str | None
    nodes: int
    open_nodes: int
    metadata_version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    rerun_of: str | None


class RunDetailAnswer(RunAnswer):
    """One run with its nodes by state, its rows, the seconds of its jobs, its trace and its orchestration.

    What its jobs cost is there where `jobs.price_per_hour` is set.
    """

    states: dict[NodeState, int]
    rows_published: int
    rows_quarantined: int
    job_seconds: float
    cost_estimate: float | None
    trace_id: str
    instance_id: str


class NodeAnswer(Answer):
    """One node of a run; nodes of the same ``pack`` share a job run."""

    key: str
    kind: str
    state: NodeState
    attempt: int
    dataset: str
    layer: str
    started_at: datetime | None
    finished_at: datetime | None
    job_run_id: int | None
    pack: str | None
    error_code: str | None
    reason: str | None
    rows_read: int | None
    rows_published: int | None
    rows_quarantined: int | None
    stopped_by: list[Stop]


class CancelAnswer(Answer):
    """A run whose end was asked for, and its nodes that are still at work."""

    run_id: str
    at_work: list[str]


class BulkRun(Answer):
    """What became of one run of many."""

    run_id: str
    product: str
    state: RunState
    outcome: Outcome
    reason: str | None
    request_id: str | None


class BulkAnswer(Answer):
    """What became of each run; ``following`` is where the next act goes on."""

    dry_run: bool
    runs: list[BulkRun]
    following: str | None


class LeftInBackfill(Answer):
    """A file that a backfill leaves alone."""

    file_id: int
    reason: str


class BackfillStarted(Answer):
    """A backfill that was asked for, or what it would take in."""

    backfill_id: str | None
    product: str
    files: int
    chunks: int
    left: list[LeftInBackfill]


class RefusedRows(Answer):
    """Refused rows of a dataset."""

    rows: list[RefusedRow]
    following: str | None


class ChosenRows(Answer):
    """What an act on refused rows would be about."""

    dry_run: bool
    product: str
    dataset: str
    rows: int
    unreadable: int = Field(description="Those that cannot be judged again, for they were never taken apart.")
    by_rule: dict[str, int]


class FilesReplayed(Answer):
    """Files that are pending again, and those that were left."""

    dry_run: bool
    replayed: list[int]
    left: list[LeftFile]
    following: int | None


class ActedLetterAnswer(Answer):
    """What became of one dead letter."""

    letter_id: int
    state: LetterState
    reason: str | None


class LettersActed(Answer):
    """What became of each dead letter; ``following`` is where the next act goes on."""

    dry_run: bool
    letters: list[ActedLetterAnswer]
    following: int | None


class Findings(Answer):
    """Why something is as it is."""

    findings: list[Finding]


class SettingAnswer(Answer):
    """A setting in effect, and who says so."""

    name: str
    value: str | None
    origin: str
    default: str | None
    takes: str
    help: str


class SettingPage(Answer):
    """Every setting."""

    settings: list[SettingAnswer]


class SettingVersionAnswer(Answer):
    """One value that a setting was given."""

    version: int
    value: str | None
    effective_at: datetime
    expires_at: datetime | None
    set_at: datetime | None
    set_by: str | None


class SettingHistory(Answer):
    """Every value that a setting was given."""

    name: str
    product: str | None
    versions: list[SettingVersionAnswer]


class SettingChanged(SettingVersionAnswer):
    """The value that a setting was given."""

    name: str
    product: str | None


class LineageLink(Answer):
    """One edge.

    Of kind ``value`` the target is made of the source, of kind ``filter`` the source decides about its rows. One of
    kind ``assumed`` is not known: code in between cannot be read, so all it is given may be in all it gives.
    """

    source: str
    target: str
    kind: DependencyKind


class LineageOrigin(Answer):
    """What made the present content of a dataset."""

    model_config = ConfigDict(extra="allow")

    dataset: str
    run_id: str
    published_at: datetime
    rows: int | None
    files: int
    refused: dict[str, int]


class LineageAnswer(Answer):
    """Edges that lead to a dataset or column, or away from it."""

    model_config = ConfigDict(extra="allow")

    columns: list[str] = Field(description="Columns of the dataset that lineage knows.")
    links: list[LineageLink]
    origins: list[LineageOrigin]


class FileBehind(Answer):
    """A landed file whose rows a version may hold, and the run that took it in."""

    file_id: int
    dataset: str
    url: str
    size_bytes: int
    landed_at: datetime
    run_id: str


class FilesBehindAnswer(Answer):
    """The newest files behind a version of a dataset, 1,000 at most; `version` is null for the current one."""

    dataset: str
    version: int | None
    files: list[FileBehind]


class ServiceLevel(Answer):
    """An objective of a product and how it stands; ``age_s`` is now, the rest as it was measured last."""

    product: str
    name: str
    objective: str
    dataset: str | None
    window_s: int
    min_share: float | None
    state: str
    since: datetime
    age_s: float | None
    share: float | None
    measured_at: datetime | None
    owner_team: str
    owner_email: str


class Health(Answer):
    """Whether the app can do its work; alarms that last are counted by name."""

    status: str
    database: str
    alarms: dict[str, int] = {}


class ActPage(Answer):
    """Acts, the newest first."""

    acts: list[AuditedAct]
    following: str | None
