"""What a log may hold of a failure."""

from spark_runtime.errors import FaultKind

# What engines and people's own functions say when they fail on a value; such a text quotes it as a rule.
_QUOTING_CODES = frozenset({"LF4500", "LF4571", "LF4572"})


def words_for_a_log(code: str, kind: str, message: str) -> str:
    """Return what a log may hold of a failure: its message, or where that stands if it may quote values of rows.

    Logs are read by more people than results, and kept elsewhere.
    """
    if kind == FaultKind.DATA or code in _QUOTING_CODES:
        return "the message may quote rows; the result of the node has it"
    return message
