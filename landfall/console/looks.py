"""How states look: a tone, a sign and a word, so that no state is told by its colour alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from landfall.runs.states import FileState, NodeState, RunState


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown.

    Attributes:
        tone: ``good``, ``bad``, ``busy``, ``warn`` or ``idle``: a class in console.css.
        sign: Name of a symbol in signs.html.
    """

    tone: str
    sign: str
    word: str


_TONE_AND_SIGN: Mapping[str, tuple[str, str]] = {
    NodeState.WAITING: ("idle", "dots"),
    NodeState.READY: ("idle", "ring"),
    RunState.PENDING: ("idle", "ring"),
    NodeState.SUBMITTED: ("busy", "half"),
    NodeState.RUNNING: ("busy", "play"),
    FileState.CLAIMED: ("busy", "play"),
    NodeState.SUCCEEDED: ("good", "check"),
    FileState.DONE: ("good", "check"),
    NodeState.FAILED: ("bad", "cross"),
    FileState.REJECTED: ("bad", "cross"),
    NodeState.SKIPPED: ("warn", "skip"),
    NodeState.CANCELLED: ("warn", "stop"),
    FileState.UNMATCHED: ("warn", "question"),
    # Of requests, backfills, events and rows.
    "paused": ("warn", "pause"),
    "late": ("bad", "clock"),
    "left": ("idle", "skip"),
    "open": ("warn", "ring"),
    "replayed": ("good", "check"),
    "released": ("good", "check"),
    "discarded": ("idle", "stop"),
    "quarantine": ("warn", "stop"),
    "warn": ("idle", "ring"),
    "fail": ("bad", "cross"),
    "correct": ("good", "check"),
    "dead": ("bad", "cross"),
    "met": ("good", "check"),
    "missed": ("bad", "clock"),
    "current": ("good", "check"),
    "in effect": ("good", "check"),
    "scheduled": ("busy", "clock"),
}


def look_of(state: str) -> Look:
    """Return how a state is shown; one that nobody has thought of is shown by its word."""
    tone, sign = _TONE_AND_SIGN.get(state, ("idle", "ring"))
    return Look(tone, sign, state.replace("_", " "))


# The order in which shares of a whole are shown.
NODE_STATES: tuple[NodeState, ...] = (
    NodeState.SUCCEEDED,
    NodeState.RUNNING,
    NodeState.SUBMITTED,
    NodeState.READY,
    NodeState.WAITING,
    NodeState.SKIPPED,
    NodeState.CANCELLED,
    NodeState.FAILED,
)
