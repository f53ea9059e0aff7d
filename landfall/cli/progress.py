"""The live progress of a run: a table on a terminal, otherwise one line for each change of state."""

import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from landfall.cli.output import clock, note
from landfall.errors import ErrorKind, LandfallError
from landfall.landing.queries import FileFilter, LandedFile, list_files
from landfall.metadata.engine import Database
from landfall.runs.ids import RunID
from landfall.runs.queries import NodeSummary, RunDetail, RunEvent, get_run, run_events
from landfall.runs.states import FINAL_NODE_STATES, FINAL_RUN_STATES, FileState, NodeState

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.table import Table

POLL_S = 0.25
# Azure SQL hands out event ids before commits, so an event may appear below one already seen.
_EVENT_OVERLAP = 200
# Files that others may land for the product while we wait for ours.
_OTHER_FILES = 500
_OPEN_FILES = frozenset({FileState.PENDING, FileState.CLAIMED})
# Lines of the terminal that the table leaves to its heading and footer.
_FRAME_LINES = 6

_MARKS = {
    NodeState.WAITING: ("·", "dim"),
    NodeState.READY: ("·", "dim"),
    NodeState.SUBMITTED: ("▸", "cyan"),
    NodeState.RUNNING: ("▶", "bold cyan"),
    NodeState.SUCCEEDED: ("✔", "green"),
    NodeState.FAILED: ("✘", "bold red"),
    NodeState.SKIPPED: ("↷", "yellow"),
    NodeState.CANCELLED: ("■", "yellow"),
}
_AT_WORK = frozenset({NodeState.SUBMITTED, NodeState.RUNNING})


class StillRunning(LandfallError):
    """The wait for a run ended before the run did."""

    code = "LF6201"
    kind = ErrorKind.TIMED_OUT

    def __init__(self, what: str, timeout_s: float) -> None:
        super().__init__(
            f"{what} has not ended within {timeout_s:g} s. It goes on; `landfall runs watch @last` waits again."
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What one look at a run found: where it stands, and what changed since the last look, in order."""

    detail: RunDetail
    changes: tuple[RunEvent, ...]


class Display(Protocol):
    """Shows the steps of a run to a person."""

    def show(self, step: Step) -> None: ...


@dataclass(slots=True)
class RunFollower:
    """Reads a run's event log, so that no change is missed however short it was."""

    database: Database
    run_id: RunID
    _seen: set[int] = field(default_factory=set)
    _highest: int = 0

    def look(self) -> Step | None:
        """Return what is new, ``None`` if nothing is."""
        after = max(0, self._highest - _EVENT_OVERLAP)
        events = self.database.read(lambda connection: run_events(connection, self.run_id, after=after))
        changes = tuple(event for event in events if event.event_id not in self._seen)
        if not changes and self._seen:
            return None
        self._seen.update(event.event_id for event in changes)
        self._highest = max((self._highest, *(event.event_id for event in changes)))
        return Step(self.database.read(lambda connection: get_run(connection, self.run_id)), changes)


def follow(
    database: Database,
    run_id: RunID,
    *,
    deadline: float | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Step]:
    """Yield a step whenever the run changed, until it is in a final state.

    Args:
        deadline: Instant of ``monotonic``, seconds, after which the iteration stops; ``None`` means never.
    """
    follower = RunFollower(database, run_id)
    while True:
        step = follower.look()
        if step is not None:
            yield step
            if step.detail.run.state in FINAL_RUN_STATES:
                return
        if deadline is not None and monotonic() >= deadline:
            return
        sleep(POLL_S)


def watch(database: Database, run_id: RunID, *, timeout_s: float | None = None) -> RunDetail:
    """Show the progress of a run until it ends and return how it ended.

    Raises:
        UnknownRun: There is no such run.
        StillRunning: It has not ended within ``timeout_s`` seconds.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    detail: RunDetail | None = None
    with display() as shown:
        for step in follow(database, run_id, deadline=deadline):
            detail = step.detail
            shown.show(step)
    if detail is None or detail.run.state not in FINAL_RUN_STATES:
        raise StillRunning(f"run {run_id}", timeout_s or 0)
    return detail


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of landed files.

    Attributes:
        files: Their rows in the ledger.
        runs: The runs that took them in, in the order they were followed.
    """

    files: tuple[LandedFile, ...]
    runs: tuple[RunDetail, ...]


def watch_files(
    database: Database, product: str, etags: Collection[str], *, timeout_s: float | None = None
) -> TakenIn:
    """Show the runs that take landed files in, until every file has ended.

    Args:
        product: ``domain/product`` whose files they are.
        etags: Entity tags of the files, which name their versions.

    Raises:
        StillRunning: A file has not ended within ``timeout_s`` seconds.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    wanted = frozenset(etags)
    runs: dict[RunID, RunDetail] = {}
    while True:
        newest = database.read(
            lambda connection: list_files(
                connection, FileFilter(product=product), limit=len(wanted) + _OTHER_FILES
            )
        )
        files = tuple(file for file in newest.items if file.etag.strip('"') in wanted)
        unseen = [RunID(file.run_id) for file in files if file.run_id is not None and file.run_id not in runs]
        if unseen:
            remaining_s = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            runs[unseen[0]] = watch(database, unseen[0], timeout_s=remaining_s)
        elif len(files) == len(wanted) and not any(file.state in _OPEN_FILES for file in files):
            return TakenIn(files, tuple(runs.values()))
        elif deadline is not None and time.monotonic() >= deadline:
            raise StillRunning(f"the intake of {len(wanted)} files of {product}", timeout_s or 0)
        else:
            time.sleep(POLL_S)


def display() -> AbstractContextManager[Display]:
    """Return the display that fits where stderr goes."""
    return LiveDisplay() if sys.stderr.isatty() else nullcontext(LineDisplay())


class LineDisplay:
    """One line for each change of state."""

    def show(self, step: Step) -> None:
        nodes = {node.key: node for node in step.detail.nodes}
        width = max((len(key) for key in nodes), default=0)
        for change in step.changes:
            subject = change.key or "run"
            parts = [clock(change.occurred_at), f"{subject:<{width}}", change.after]
            # What the row says is the end of the node; an earlier change of it has no counts yet.
            node = nodes.get(change.key) if change.key else None
            if node is not None and change.after == node.state and node.state in FINAL_NODE_STATES:
                parts.append(_outcome(node))
            elif change.detail:
                parts.append(change.detail)
            note("  ".join(part for part in parts if part))


class LiveDisplay:
    """A table of the nodes that is drawn again four times a second."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._detail: RunDetail | None = None

    def __enter__(self) -> "LiveDisplay":
        # Loaded here: only a person at a terminal pays for it.
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(stderr=True), refresh_per_second=4, get_renderable=self._draw, transient=False
        )
        self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.refresh()
            self._live.stop()

    def show(self, step: Step) -> None:
        self._detail = step.detail

    def _draw(self) -> "RenderableType":
        if self._detail is None or self._live is None:
            return ""
        lines = max(self._live.console.size.height - _FRAME_LINES, 4)
        return run_table(self._detail, now=datetime.now(UTC), max_nodes=lines)


def run_table(detail: RunDetail, *, now: datetime, max_nodes: int) -> "Table":
    """Return a run as a table for a terminal.

    Args:
        detail: The run.
        now: Instant up to which nodes at work have run.
        max_nodes: Nodes to show at most; those at work and those that failed come first.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    ended = sum(node.state in FINAL_NODE_STATES for node in detail.nodes)
    seconds = ((detail.run.finished_at or now) - detail.run.created_at).total_seconds()
    title = (
        f"{detail.run.product}  run {detail.run.run_id}  {detail.run.state}  "
        f"{ended}/{len(detail.nodes)} nodes  {seconds:.1f} s"
    )
    shown = nodes_to_show(detail.nodes, max_nodes)
    hidden = len(detail.nodes) - len(shown)
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=f"… {hidden} more nodes" if hidden else None,
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("", "node", "layer", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("seconds", "read", "published", "quarantined"):
        table.add_column(heading, justify="right", no_wrap=True)
    for node in shown:
        mark, style = _MARKS[node.state]
        table.add_row(
            Text(mark, style=style),
            node.key,
            node.layer,
            Text(node.state, style=style),
            _seconds(node, now),
            _count(node.rows_read),
            _count(node.rows_published),
            _count(node.rows_quarantined),
        )
    return table


def nodes_to_show(nodes: Sequence[NodeSummary], limit: int) -> tuple[NodeSummary, ...]:
    """Return at most ``limit`` nodes in their order: at work, failed, lately ended, then the rest."""
    if len(nodes) <= limit:
        return tuple(nodes)

    def importance(node: NodeSummary) -> tuple[int, float]:
        if node.state in _AT_WORK:
            return 0, 0.0
        if node.state is NodeState.FAILED:
            return 1, 0.0
        if node.finished_at is not None:
            return 2, -node.finished_at.timestamp()
        return 3, 0.0

    chosen = {node.key for node in sorted(nodes, key=importance)[:limit]}
    return tuple(node for node in nodes if node.key in chosen)


def node_seconds(node: NodeSummary) -> float | None:
    """Return how long a node took from its first start to its end, ``None`` if it did not get that far."""
    if node.started_at is None or node.finished_at is None:
        return None
    return (node.finished_at - node.started_at).total_seconds()


def _seconds(node: NodeSummary, now: datetime) -> str:
    if node.started_at is None:
        return ""
    return f"{((node.finished_at or now) - node.started_at).total_seconds():.1f}"


def _count(rows: int | None) -> str:
    return "" if rows is None else f"{rows:,}"


def _outcome(node: NodeSummary) -> str:
    parts = []
    seconds = node_seconds(node)
    if seconds is not None:
        parts.append(f"{seconds:.1f} s")
    if node.rows_published is not None:
        parts.append(f"{node.rows_read:,} read, {node.rows_published:,} published")
        if node.rows_quarantined:
            parts.append(f"{node.rows_quarantined:,} quarantined")
    if node.error_code or node.reason:
        parts.append(" ".join(part for part in (node.error_code, node.reason) if part))
    return ", ".join(parts)
