"""What a job says when it can write no result any more."""

from typing import NoReturn

import pytest

from spark_runtime import main


class SparkConnectGrpcException(Exception):
    """Stands for the client's own: the classification goes by name and text."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SparkConnectGrpcException("UNAVAILABLE: the server\nis gone"), "LF4561 (engine): UNAVAILABLE"),
        (ValueError("operation not found: 4a68"), "LF4562 (engine): operation not found: 4a68"),
    ],
)
def test_a_lost_engine_ends_the_job_with_one_line_that_says_so(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> NoReturn:
        raise error

    monkeypatch.setattr(main, "open_session", lost)
    monkeypatch.setattr("sys.argv", ["spark_runtime", "--spec-uri=abfss://control@lake/spec.json"])

    with pytest.raises(main.NodeFailed) as raised:
        main.run()

    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)
