"""What a job logs: about which run, node and trace it is, and no value of a row."""

import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from pyspark.errors.exceptions.base import QueryContext
from pyspark.errors.exceptions.connect import (
    DataFrameQueryContext,
    SparkConnectGrpcException,
    SQLQueryContext,
)
from pyspark.sql import SparkSession
from pyspark.sql.connect.proto import FetchErrorDetailsResponse

from spark_runtime import main, run
from spark_runtime.errors import FaultKind
from spark_runtime.log_words import words_for_a_log
from spark_runtime.portable.dialect import Dialect
from spark_runtime.spec import NodeSpec, parse_node_spec
from tests.unit.spark_runtime.test_spark_runtime_node_spec import a_document

CANARY = "kanarienvogel"
Context = FetchErrorDetailsResponse.QueryContext


@pytest.fixture(autouse=True)
def logger_as_before() -> Iterator[None]:
    before = (main.log.handlers, main.log.level, main.log.propagate)
    # Whatever ran before in this process may have given it a handler of its own.
    main.log.propagate = True
    yield
    main.log.handlers, main.log.level, main.log.propagate = before
    for name in main._PYSPARK_LOGGERS:
        logging.getLogger(name).disabled = False


def spec() -> NodeSpec:
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    return parse_node_spec(json.dumps(a_document(trace=trace)))


def test_every_line_names_product_run_node_attempt_and_trace(capsys: pytest.CaptureFixture[str]) -> None:
    found = spec()
    main._log_to_stdout()
    main._log_about(found)

    main.log.info("read")

    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(
        f"INFO read [product={found.product} run={found.run_id} node={found.node} attempt={found.attempt} "
        f"trace={'a' * 32} span={'b' * 16}]"
    )


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(SQLQueryContext(Context(context_type=Context.ContextType.SQL)), id="sql"),
        pytest.param(
            DataFrameQueryContext(Context(context_type=Context.ContextType.DATAFRAME)), id="dataframe"
        ),
    ],
)
def test_pyspark_prints_no_error_of_a_query_by_itself(
    capfd: pytest.CaptureFixture[str], context: QueryContext
) -> None:
    main._log_to_stdout()

    SparkConnectGrpcException(
        f"The value '{CANARY}' cannot be cast", errorClass="CAST_INVALID_INPUT", contexts=[context]
    )

    assert capfd.readouterr().err == ""


def test_a_failure_on_a_value_is_logged_without_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(f"Cast error: Cannot cast string '{CANARY}' to value of Int32 type")

    monkeypatch.setattr(run, "_build", fail)
    monkeypatch.setattr(Dialect, "of", lambda _: type("Found", (), {"is_spark": True})())
    caplog.set_level(logging.INFO, "spark_runtime")

    result = run.run_node(cast(SparkSession, None), spec(), cast(Any, object()))

    assert result.error is not None
    assert CANARY in result.error.message
    assert "ValueError: LF4571 (data)" in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("code", "kind", "is_told"),
    [
        ("LF4521", FaultKind.QUALITY_GATE, True),
        ("LF4561", FaultKind.ENGINE, True),
        ("LF4513", FaultKind.DATA, False),
        ("LF4572", FaultKind.DEFINITION, False),
    ],
)
def test_messages_that_may_quote_rows_stay_in_the_result(code: str, kind: FaultKind, is_told: bool) -> None:
    assert (words_for_a_log(code, kind, CANARY) == CANARY) is is_told
