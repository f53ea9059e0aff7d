"""Identifiers of runs, requests and attempts, and the names of the orchestration instances they map to."""

import hashlib
from datetime import datetime
from typing import NewType

from landfall.planning.plan import NodeKey

RunID = NewType("RunID", str)
RequestID = NewType("RequestID", str)

_PACK = "pack."


def make_run_id(seed: str, at: datetime) -> RunID:
    """Return a run id that sorts by time and is the same on every replay, e.g. ``20261122-150601-3fa2c19b``.

    Args:
        seed: What tells apart runs opened in the same second: the coordinator's instance id.
        at: The orchestrator's current instant, UTC.
    """
    digest = hashlib.sha256(f"{seed} {at.isoformat()}".encode()).hexdigest()[:8]
    return RunID(f"{at:%Y%m%d-%H%M%S}-{digest}")


def coordinator_instance(product: str) -> str:
    """Return the one instance id of a product's coordinator; ``product`` is ``domain/name``."""
    return "product-" + product.replace("/", "-")


def run_instance(run_id: RunID) -> str:
    return f"run-{run_id}"


def pack_key(number: int) -> NodeKey:
    """Return the key of a pack, counted from 1 within its run.

    It stands where the key of a node does: a pack has an instance, a spec and a result as a node has. No node has
    such a key, since names of datasets and transformations hold no dot.
    """
    return NodeKey(f"{_PACK}{number}")


def is_pack(key: NodeKey) -> bool:
    return key.startswith(_PACK)


def pack_number(key: NodeKey) -> int:
    """Return the number of a pack from its key."""
    return int(key.removeprefix(_PACK))


def node_instance(run_id: RunID, key: NodeKey) -> str:
    return f"run-{run_id}-node-{key}"


def callback_instance(callback_id: int) -> str:
    return f"callback-{callback_id}"


def job_finished_event(attempt: int) -> str:
    """Return the event that wakes a node; one name per attempt, since one early event answers every wait."""
    return f"job_finished_{attempt}"


REPLAY = "replay"
"""Trigger of a run that repeats a former one."""

QUARANTINE = "quarantine"
"""Trigger of a run that acts on rows in quarantine."""

RUN_FINISHED_EVENT = "run_finished"
