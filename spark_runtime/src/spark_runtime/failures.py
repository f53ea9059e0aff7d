"""What a fault means, ours or the engine's: a code, a kind and a message, told from what engines say of themselves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spark_runtime.errors import FaultKind, RuntimeFault


@dataclass(frozen=True, slots=True)
class Failure:
    """A fault as the result file carries it."""

    code: str
    kind: FaultKind
    message: str


@dataclass(frozen=True, slots=True)
class _Pattern:
    code: str
    kind: FaultKind
    classes: tuple[str, ...]  # empty: any class
    texts: tuple[str, ...]  # empty: any text


# Sail gives neither condition nor SQLSTATE, so classes and texts have to do; Spark's conditions are
# tried first. The order matters: the first pattern that fits decides.
_PATTERNS = (
    _Pattern(
        "LF4541",
        FaultKind.CONFLICT,
        (),
        (
            "Failed to commit transaction",
            "DELTA_CONCURRENT",
            "ConcurrentAppendException",
            "MetadataChangedException",
        ),
    ),
    _Pattern(
        "LF4551",
        FaultKind.STORAGE,
        (),
        (
            "timed out",
            "reset by peer",
            "non-2xx",
            "connection closed",
            "error sending request",
            "Generic MicrosoftAzure",
        ),
    ),
    _Pattern(
        "LF4562",
        FaultKind.ENGINE,
        (),
        ("Failed to allocate additional", "is not running", "operation not found"),
    ),
    _Pattern("LF4561", FaultKind.ENGINE, ("SparkConnectGrpcException",), ()),
    _Pattern("LF4561", FaultKind.ENGINE, (), ("panicked", "RST_STREAM", "UNAVAILABLE")),
    _Pattern("LF4511", FaultKind.DATA, (), ("PATH_NOT_FOUND",)),
    _Pattern("LF4502", FaultKind.DEFINITION, (), ("Invalid table location", "DELTA_TABLE_NOT_FOUND")),
    _Pattern(
        "LF4571",
        FaultKind.DATA,
        (),
        (
            "CAST_INVALID_INPUT",
            "Cast error",
            "Parser error",
            "ivision by zero",
            "ivide by zero",
            "invalid timestamp",
            "expected numeric datetime",
            "CONSTRAINT",
            "MERGE_CARDINALITY_VIOLATION",
            "MULTIPLE_SOURCE_ROW_MATCHING",
            "Parquet error",
            "too large to store",
            "index is out of bounds",
            "overflow:",
            "InvalidOperation",
            "OVERFLOW",
            "verflow",
        ),
    ),
    _Pattern(
        "LF4571",
        FaultKind.DATA,
        (
            "NumberFormatException",
            "ArithmeticException",
            "ArrayIndexOutOfBoundsException",
            "DateTimeException",
        ),
        (),
    ),
    _Pattern(
        "LF4572",
        FaultKind.DEFINITION,
        (
            "AnalysisException",
            "ParseException",
            "IllegalArgumentException",
            "UnsupportedOperationException",
            "PythonException",
        ),
        (),
    ),
)

# SQLSTATE classes after the SQL standard; Spark and Databricks give one with each condition.
_BY_SQLSTATE = {
    "42": ("LF4572", FaultKind.DEFINITION),
    "0A": ("LF4572", FaultKind.DEFINITION),
    "22": ("LF4571", FaultKind.DATA),
    "21": ("LF4571", FaultKind.DATA),
    "23": ("LF4571", FaultKind.DATA),
    "08": ("LF4551", FaultKind.STORAGE),
    "53": ("LF4562", FaultKind.ENGINE),
    "57": ("LF4562", FaultKind.ENGINE),
    "XX": ("LF4561", FaultKind.ENGINE),
}


_NO_TABLE = ("Invalid table location", "DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE", "PATH_NOT_FOUND")
_NO_VERSION = (
    "Missing commit file",
    "DELTA_VERSION_NOT_FOUND",
    "DELTA_TRUNCATED_TRANSACTION_LOG",
    "DELTA_VERSIONS_NOT_CONTIGUOUS",
)


# Of a table's data files; Sail, Spark and Databricks in this order.
_NO_FILE = (
    re.compile(r"Object at location (\S+) not found"),
    re.compile(r"FILE_NOT_EXIST\][^:]*? file:?\s+(\S+?)\.?(?:\s|$)"),
)


def describe_failure(error: BaseException) -> Failure:
    """Return code, kind and message of a fault, ours or the engine's.

    An error that fits no pattern counts as the engine's, because a job that is tried once too often costs
    less than one that is given up without need.
    """
    if isinstance(error, RuntimeFault):
        return Failure(error.code, error.kind, str(error))
    text = _text_of(error)
    name = type(error).__name__
    for pattern in _PATTERNS:
        if pattern.classes and name not in pattern.classes:
            continue
        if not pattern.texts or any(part in text for part in pattern.texts):
            return Failure(pattern.code, pattern.kind, text)
    code, kind = _BY_SQLSTATE.get((_sql_state(error) or "")[:2], ("LF4500", FaultKind.ENGINE))
    return Failure(code, kind, text)


def is_commit_conflict(error: BaseException) -> bool:
    return describe_failure(error).kind is FaultKind.CONFLICT


def is_missing_table(error: BaseException) -> bool:
    """Whether an engine error says that no Delta table lies where one was to be read."""
    return _says(error, _NO_TABLE)


def is_missing_version(error: BaseException) -> bool:
    """Whether an engine error says that a Delta table does not have a version, or its log no longer tells of it."""
    return _says(error, _NO_VERSION)


def missing_file(error: BaseException) -> str | None:
    """Return the file that an engine error says is not there, ``None`` if it says something else."""
    found = next((match for match in (told.search(str(error)) for told in _NO_FILE) if match), None)
    return found[1] if found is not None else None


def _says(error: BaseException, parts: Sequence[str]) -> bool:
    text = str(error)
    return any(part in text for part in parts)


def _text_of(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    # Server stack traces follow the message; the job's log has them in full.
    head = text.split("\n\nJVM stacktrace", 1)[0]
    return head if len(head) <= 2000 else head[:2000] + " …"


def _sql_state(error: BaseException) -> str | None:
    getter = getattr(error, "getSqlState", None)
    return getter() if callable(getter) else None
