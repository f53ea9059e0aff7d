"""What a node does with rows that lie in quarantine, as the node spec says it."""

from dataclasses import dataclass
from enum import StrEnum

from spark_runtime.spec_object import SpecObject


class HeldAct(StrEnum):
    """Release judges held rows again and publishes those that pass, discard gives them up.

    Rebuild is for tables that are more than what runs added: the node reads its inputs as ever, and what it refuses
    takes the place of all that it held before.
    """

    RELEASE = "release"
    REBUILD = "rebuild"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class Held:
    """An act on rows in quarantine; without ``rules``, ``runs`` and ``files`` it is about all of them.

    Attributes:
        rules: Rows that one of these rules refused.
        runs: Rows that one of these runs refused.
        files: Rows of these files: addresses, or ends of addresses that begin with a name.
        by: Who asked for it.
        reason: Why; empty where nobody has to say.
    """

    act: HeldAct
    rules: tuple[str, ...]
    runs: tuple[str, ...]
    files: tuple[str, ...]
    by: str
    reason: str = ""


def parse_held(item: SpecObject) -> Held:
    """Return what the ``quarantine`` object of a spec says; its faults are noted in the object."""
    held = Held(
        act=item.choice("act", HeldAct, HeldAct.DISCARD),
        rules=item.texts("rules", optional=True),
        runs=item.texts("runs", optional=True),
        files=item.texts("files", optional=True),
        by=item.text("by"),
        reason=item.text("reason", optional=True),
    )
    item.refuse_unknown()
    return held
