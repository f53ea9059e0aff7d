"""Errors of the engines by whom they concern, and SQL text that means the same everywhere."""

import json
from datetime import UTC, datetime

import pytest
from pyspark.errors import AnalysisException, IllegalArgumentException, PySparkException

from spark_runtime.casts import asked_for, canonical_type, from_text, to_declared
from spark_runtime.errors import FaultKind, MissingTable, UnsupportedOption
from spark_runtime.failures import describe_failure, missing_file
from spark_runtime.readers.parse import bare_path
from spark_runtime.sql import literal, text_literal, timestamp_literal


class SparkRuntimeException(PySparkException):
    pass


class SparkConnectGrpcException(PySparkException):
    pass


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AnalysisException("attribute `x` is missing from the schema"), FaultKind.DEFINITION),
        (AnalysisException("[CAST_INVALID_INPUT] the value 'x'"), FaultKind.DATA),
        (AnalysisException("Division by zero"), FaultKind.DATA),
        (AnalysisException("Invalid table location: no commit files"), FaultKind.DEFINITION),
        (AnalysisException("Failed to allocate additional 3 MB for HashJoinInput"), FaultKind.ENGINE),
        (IllegalArgumentException("invalid argument: found x expected y"), FaultKind.DEFINITION),
        (IllegalArgumentException("session 1 is not running"), FaultKind.ENGINE),
        (SparkRuntimeException("Failed to commit transaction: 0"), FaultKind.CONFLICT),
        (SparkRuntimeException("DELTA_CONCURRENT_APPEND"), FaultKind.CONFLICT),
        (SparkRuntimeException("Generic MicrosoftAzure error: operation timed out"), FaultKind.STORAGE),
        (SparkConnectGrpcException("UNAVAILABLE: connection refused"), FaultKind.ENGINE),
        (RuntimeError("never seen before"), FaultKind.ENGINE),
        (MissingTable("orders", "abfss://x"), FaultKind.DEFINITION),
    ],
)
def test_an_error_is_classified(error: Exception, kind: FaultKind) -> None:
    assert describe_failure(error).kind is kind


def test_a_long_message_is_cut_and_a_stack_trace_left_out() -> None:
    message = describe_failure(RuntimeError("x" * 5000)).message
    short = describe_failure(RuntimeError("the head\n\nJVM stacktrace:\n at org…")).message

    assert len(message) < 2100
    assert short == "the head"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (7, "7"),
        (0.1, "0.1D"),
        ("it's", r"'it\'s'"),
        ("a\\d\n", r"'a\\d\n'"),
    ],
)
def test_literals(value: object, text: str) -> None:
    assert literal(value) == text


def test_a_list_is_no_literal() -> None:
    with pytest.raises(ValueError, match="not a text, number"):
        literal(json.loads("[1]"))


def test_instants_are_written_in_utc() -> None:
    assert timestamp_literal(datetime(2024, 1, 2, 3, 4, 5, 6, UTC)) == "timestamp'2024-01-02 03:04:05.000006'"


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("Integer", "int"),
        ("decimal( 10, 2 )", "decimal(10,2)"),
        ("numeric(5)", "decimal(5,0)"),
        ("varchar(20)", "string"),
        ("array< string >", "array<string>"),
        ("timestamp_ltz", "timestamp"),
    ],
)
def test_types_have_one_spelling(name: str, canonical: str) -> None:
    assert canonical_type(name) == canonical


def test_what_cannot_be_lost_is_not_checked() -> None:
    assert from_text("c", "string").lost is None
    assert to_declared("c", "int", "bigint").lost is None
    assert to_declared("c", "int", "string").lost is None
    assert to_declared("c", "bigint", "int").lost is not None
    assert to_declared("c", "double", "int").lost is not None
    assert asked_for("c", "int", "bigint", None).lost is None


def test_nested_types_are_not_read_from_files() -> None:
    with pytest.raises(UnsupportedOption, match="array<int>"):
        from_text("c", "array<int>")


@pytest.mark.parametrize(
    "path",
    [
        "abfss://landing@a.dfs.core.windows.net/x/y.csv",
        "x/y.csv",
        "/x/y.csv",
        "file:/x/y.csv",
        "file:///x/y.csv",
    ],
)
def test_engines_name_the_same_file_in_many_ways(path: str) -> None:
    assert bare_path(path) == "x/y.csv"


def test_text_literals_hide_nothing() -> None:
    assert text_literal("a\x00b\rc") == r"'a\0b\rc'"


@pytest.mark.parametrize(
    "told",
    [
        "Parquet error: Object Store error: Object at location lake/a/part-0.parquet not found: No such file",
        "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file lake/a/part-0.parquet. It is gone.",
        "[FAILED_READ_FILE.DBR_FILE_NOT_EXIST] Error while reading file lake/a/part-0.parquet. It is gone.",
    ],
)
def test_the_file_that_an_engine_does_not_find_is_told(told: str) -> None:
    assert missing_file(PySparkException(told)) == "lake/a/part-0.parquet"


def test_other_errors_tell_of_no_file() -> None:
    assert missing_file(AnalysisException("Division by zero")) is None
