"""The engine of `landfall test` answers while it is wanted, and is gone afterwards."""

import socket
import time

import pytest

from landfall.local import spark_engine as engine
from landfall.local.services import SPARK_ENVIRONMENT
from landfall.testing.run import open_session


def test_the_engine_ends_with_its_block() -> None:
    with engine.spark_engine() as address, open_session(address) as spark:
        assert spark.range(3).count() == 3
    port = int(address.rpartition(":")[2])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_session_lives_through_a_pause_as_long_as_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = "SAIL_SPARK__SESSION_TIMEOUT_SECS"
    assert int(SPARK_ENVIRONMENT[setting]) >= 3600
    monkeypatch.setitem(SPARK_ENVIRONMENT, setting, "1")

    with engine.spark_engine() as address, open_session(address) as spark:
        assert spark.range(3).count() == 3
        time.sleep(3)
        with pytest.raises(Exception, match="is not running"):
            spark.range(3).count()


def test_an_engine_that_ends_at_once_is_told_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOOPBACK", "not-an-address")
    monkeypatch.setattr(engine, "_free_port", lambda: 1)

    with (
        pytest.raises(engine.EngineNotStarted, match=r"it ended with [1-9].*doctor"),
        engine.spark_engine(),
    ):
        pass
