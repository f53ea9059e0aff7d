"""The root of Landfall's errors: what every one of them tells its reader."""

from enum import StrEnum
from typing import ClassVar


class ErrorKind(StrEnum):
    """Who has to act on an error; the command line maps it to an exit code."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    QUALITY_GATE = "quality_gate"
    TIMED_OUT = "timed_out"


class LandfallError(Exception):
    """A fault that Landfall expects; its message says what, where and what to do next.

    Attributes:
        code: Stable identifier of the fault, for example ``LF2003``; documented in ``docs/errors.md``.
        kind: Who has to act.
        retryable: Whether the same call may succeed later without a change by anybody.
    """

    code: ClassVar[str] = "LF0000"
    kind: ClassVar[ErrorKind] = ErrorKind.REFUSED
    retryable: ClassVar[bool] = False
