"""What routes of runs, files and letters answer beside the first ones; ``answers`` tells how models are made."""

from typing import Any

from landfall.api.answers import Answer, NodeAnswer, PauseAnswer, RunAnswer
from landfall.landing.dead_letters import DeadLetter
from landfall.landing.queries import LandedFile
from landfall.metadata.alarms import Alarm
from landfall.runs.backfill_list import BackfillSummary
from landfall.runs.file_history import FileVersion
from landfall.runs.pack_neighbours import PackNeighbour
from landfall.runs.queries import RuleResult, RunEvent
from landfall.runs.request_list import RequestSummary
from landfall.runs.run_graph import NodeEdge
from landfall.runs.run_lineage import RunEdge
from landfall.runs.run_nodes import Neighbour, NodeFile
from landfall.runs.run_timeline import LayerTime, NodeTime
from landfall.runs.states import NodeState


class RunPage(Answer):
    """Runs, and the products that are paused."""

    runs: list[RunAnswer]
    paused: list[PauseAnswer]
    following: str | None


class NodePage(Answer):
    """Nodes of a run, upstreams first, and those that could not be part of it, with the reason."""

    run_id: str
    nodes: list[NodeAnswer]
    left_out: dict[str, str]
    following: str | None


class AttemptAnswer(Answer):
    """One attempt of a node; ``failure`` says whose fault it was: user, infrastructure or capacity."""

    number: int
    state: NodeState
    job_run_id: int | None
    failure: str | None
    error_code: str | None
    reason: str | None
    submitted_at: Any
    finished_at: Any


class NodeDetailAnswer(NodeAnswer):
    """One node with all that is known of it; ``instance_id`` is that of its orchestration."""

    run_id: str
    job_run_url: str | None
    definition: dict[str, Any]
    result: dict[str, Any]
    settings: dict[str, Any]
    parameters: dict[str, Any]
    upstream: list[Neighbour]
    downstream: list[Neighbour]
    shares_job_run_with: list[PackNeighbour]
    attempts: list[AttemptAnswer]
    rules: list[RuleResult]
    files: list[NodeFile]
    instance_id: str


class LogsAnswer(Answer):
    """What the latest job of a node has printed, and why it failed; the last part of either if it is long."""

    run_id: str
    key: str
    job_run_id: int | None
    error: str | None
    error_trace: str | None
    logs: str


class EventPage(Answer):
    """Changes of state, the newest first."""

    events: list[RunEvent]
    following: str | None


class RunLineagePage(Answer):
    """Datasets that a run read and wrote, in the order of its plan."""

    edges: list[RunEdge]
    following: str | None


class EdgePage(Answer):
    """Which nodes of a run wait for which, as it was opened."""

    run_id: str
    edges: list[NodeEdge]
    following: str | None


class BandAnswer(Answer):
    """Nodes of a layer at neighbouring steps, and how many of them are in each state."""

    layer: str
    number: int
    nodes: int
    first_step: int
    last_step: int
    states: dict[NodeState, int]


class BandEdge(Answer):
    """How many edges lead from the nodes of a band to those of another one, or stay within it."""

    before_layer: str
    before_number: int
    after_layer: str
    after_number: int
    edges: int


class RunGraphAnswer(Answer):
    """A run as its bands, whatever the number of its nodes: layers in the order of the plan."""

    run_id: str
    nodes: int
    bands: list[BandAnswer]
    edges: list[BandEdge]


class TimelineAnswer(Answer):
    """When the nodes of a run were at work.

    ``chain`` are the nodes that decided when it ended, or so far, the first one first, and ``critical_s`` the seconds
    from the first start to the last end of them; ``layers`` are all nodes that have started.
    """

    run_id: str
    nodes: list[NodeTime]
    layers: list[LayerTime]
    chain: list[str]
    critical_s: float
    following: str | None


class RunFilePage(Answer):
    """Landed files that a run claimed."""

    files: list[NodeFile]
    following: str | None


class RulePage(Answer):
    """What rules found, those with most failed rows first."""

    rules: list[RuleResult]
    following: str | None


class FilePage(Answer):
    """Landed files."""

    files: list[LandedFile]
    following: str | None


class FileVersions(Answer):
    """Every version of a file's path, the newest first."""

    versions: list[FileVersion]


class LetterPage(Answer):
    """Dead letters, the newest first."""

    letters: list[DeadLetter]
    following: str | None


class AlarmPage(Answer):
    """Alarms, the newest first."""

    alarms: list[Alarm]
    following: str | None


class BackfillPage(Answer):
    """Backfills, the newest first."""

    backfills: list[BackfillSummary]
    following: str | None


class RequestPage(Answer):
    """Requests for a run, the newest first."""

    requests: list[RequestSummary]
    following: str | None
