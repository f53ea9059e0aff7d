"""Every act of people, in one list: how the API, the console and the command line do it, and who may.

A test compares the list with the routes of the application, the forms of the console and the verbs of the command, so
none of the three can do something that the others cannot. The audit log takes its names from here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from landfall.roles import Role


@dataclass(frozen=True, slots=True)
class Act:
    """One act.

    Attributes:
        name: What it is called in the audit log.
        says: What it does, in a sentence.
        api: Path of the route, which takes POST; ``None`` for what is done at the database or with files alone.
        cli: The verb, without ``landfall``.
        console: Paths of the forms that do it; none for what the console leaves to git or to the command line.
        role: What it takes for the domain in question.
    """

    name: str
    says: str
    api: str | None
    cli: str
    console: tuple[str, ...] = ()
    role: Role = Role.OPERATOR


_PRODUCT = "/api/products/{domain}/{product}"
_PAGE = "/console/products/{domain}/{product}"
_ROWS = "/console/quarantine/{domain}/{product}/{dataset}"

ACTS: tuple[Act, ...] = (
    Act("product.run", "Ask for a run of a product.", f"{_PRODUCT}/runs", "run", (f"{_PAGE}/run",)),
    Act("product.pause", "Let a product open no new run.", f"{_PRODUCT}/pause", "pause", (f"{_PAGE}/pause",)),
    Act(
        "product.resume",
        "Let a paused product open runs again.",
        f"{_PRODUCT}/resume",
        "resume",
        (f"{_PAGE}/resume",),
    ),
    Act(
        "product.backfill",
        "Take landed files of a range in again.",
        f"{_PRODUCT}/backfills",
        "backfill",
        (f"{_PAGE}/backfill",),
    ),
    Act(
        "run.cancel",
        "Ask for the end of a run.",
        "/api/runs/{run_id}/cancel",
        "runs cancel",
        ("/console/runs/{run_id}/cancel",),
    ),
    Act(
        "run.rerun",
        "Ask for a new run of a part of a former one.",
        "/api/runs/{run_id}/rerun",
        "runs rerun",
        tuple(
            f"/console/runs/{{run_id}}/{form}"
            for form in ("rerun", "rerun-failed", "rerun-node", "rerun-only")
        ),
    ),
    Act(
        "run.replay",
        "Repeat a run with its files, metadata and configuration.",
        "/api/runs/{run_id}/replay",
        "runs replay",
        ("/console/runs/{run_id}/replay",),
    ),
    Act(
        "runs.cancel",
        "Cancel every run that meets a filter.",
        "/api/runs/cancel",
        "runs cancel",
        ("/console/runs/bulk",),
    ),
    Act(
        "runs.rerun",
        "Run every run that meets a filter again.",
        "/api/runs/rerun",
        "runs rerun",
        ("/console/runs/bulk",),
    ),
    Act(
        "backfill.pause",
        "Let a backfill begin no further chunk.",
        "/api/backfills/{backfill_id}/pause",
        "backfills pause",
        ("/console/backfills/{backfill_id}/pause",),
    ),
    Act(
        "backfill.resume",
        "Let a paused backfill go on.",
        "/api/backfills/{backfill_id}/resume",
        "backfills resume",
        ("/console/backfills/{backfill_id}/resume",),
    ),
    Act(
        "backfill.cancel",
        "End a backfill.",
        "/api/backfills/{backfill_id}/cancel",
        "backfills cancel",
        ("/console/backfills/{backfill_id}/cancel",),
    ),
    Act(
        "quarantine.replay",
        "Judge refused rows again and publish those that pass.",
        f"{_PRODUCT}/quarantine/replay",
        "quarantine replay",
        (f"{_ROWS}/replay",),
    ),
    Act(
        "quarantine.discard",
        "Give refused rows up with a reason.",
        f"{_PRODUCT}/quarantine/discard",
        "quarantine discard",
        (f"{_ROWS}/discard",),
    ),
    Act(
        "files.replay",
        "Put landed files back to pending.",
        "/api/files/replay",
        "files replay",
        ("/console/files/{file_id}/replay",),
    ),
    Act(
        "letters.replay",
        "Handle dead letters again.",
        "/api/dead-letters/replay",
        "dead-letters replay",
        ("/console/dead-events/{letter_id}/replay", "/console/dead-events/all/replay"),
    ),
    Act(
        "letters.discard",
        "Give dead letters up.",
        "/api/dead-letters/discard",
        "dead-letters discard",
        ("/console/dead-events/{letter_id}/discard", "/console/dead-events/all/discard"),
    ),
    Act(
        "config.set",
        "Give a setting a value from an instant on.",
        "/api/config/{name}",
        "config set",
        ("/console/configuration/{name}/set",),
        Role.OWNER,
    ),
    Act(
        "config.rollback",
        "Give a setting the value it had before.",
        "/api/config/{name}/rollback",
        "config rollback",
        ("/console/configuration/{name}/rollback",),
        Role.OWNER,
    ),
    Act(
        "metadata.rollback",
        "Restore the version before of a product.",
        f"{_PRODUCT}/rollback",
        "rollback",
        (f"{_PAGE}/rollback",),
        Role.OWNER,
    ),
    Act("metadata.apply", "Write product files to the metadata store.", None, "apply", role=Role.OWNER),
    Act("purge", "Delete what has had its time.", None, "purge", role=Role.ADMIN),
)

BY_NAME = {act.name: act for act in ACTS}


def act_at(path: str, verb: object = None) -> Act | None:
    """Return the act that is done by a POST to a path, ``None`` for none.

    Args:
        verb: Last part of the name, where several acts share one form and a field of it says which.
    """
    found = [act for act, patterns in _patterns() if any(p.fullmatch(path) for p in patterns)]
    return next((act for act in found if act.name.endswith(f".{verb}")), found[0] if found else None)


@cache
def _patterns() -> tuple[tuple[Act, tuple[re.Pattern[str], ...]], ...]:
    def compiled(paths: Iterable[str]) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))) for path in paths)

    # Fixed paths win over those with a variable, as routes do.
    ordered = sorted(ACTS, key=lambda act: (act.api or "").count("{"))
    return tuple((act, compiled((*filter(None, (act.api,)), *act.console))) for act in ordered)
