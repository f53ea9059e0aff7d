"""The exit codes of the command, and which error ends with which."""

from collections.abc import Mapping
from enum import IntEnum

from landfall.errors import ErrorKind, LandfallError


class ExitCode(IntEnum):
    """What a script can learn from the end of the command."""

    DONE = 0
    REFUSED = 1
    WRONG_USAGE = 2
    INTERNAL = 3
    UNREACHABLE = 4
    QUALITY_GATE = 5
    TIMED_OUT = 6
    INTERRUPTED = 130


_OF_KIND: Mapping[ErrorKind, ExitCode] = {
    ErrorKind.REFUSED: ExitCode.REFUSED,
    ErrorKind.UNREACHABLE: ExitCode.UNREACHABLE,
    ErrorKind.QUALITY_GATE: ExitCode.QUALITY_GATE,
    ErrorKind.TIMED_OUT: ExitCode.TIMED_OUT,
}


def exit_code_of(error: LandfallError) -> ExitCode:
    """Return the code with which the command ends after ``error``."""
    return _OF_KIND[error.kind]
