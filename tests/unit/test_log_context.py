"""A log line says which run, node, product and trace it is about, whatever takes it."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from activities.correlating import correlated
from landfall.log_context import about, install, remember_product
from landfall.telemetry import run_span

TRACE = run_span("of-a-log").trace
log = logging.getLogger("tests.log_context")


@pytest.fixture(autouse=True)
def lines_with_context() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    install()
    install()
    yield
    logging.setLogRecordFactory(before)


class Activities:
    @correlated
    def submit(self, message: dict[str, Any]) -> None:
        log.warning("%d%% done", 50)

    @correlated
    async def finish(self, message: dict[str, Any]) -> None:
        await asyncio.to_thread(log.warning, "settled")


def test_a_line_within_an_activity_names_run_node_and_trace(caplog: pytest.LogCaptureFixture) -> None:
    Activities().submit({"run_id": "of-a-log", "key": "build_orders"})

    assert caplog.messages == [f"50% done [run=of-a-log node=build_orders trace={TRACE}]"]


async def test_the_names_reach_the_threads_of_an_activity(caplog: pytest.LogCaptureFixture) -> None:
    await Activities().finish({"work": {"run_id": "of-a-log", "key": "build_orders"}, "outcome": {}})

    assert caplog.messages == [f"settled [run=of-a-log node=build_orders trace={TRACE}]"]


def test_the_product_of_a_run_is_known_once_it_was_met(caplog: pytest.LogCaptureFixture) -> None:
    # A run of this test alone: what a process has met, it keeps from one test to the next.
    run = "met-in-a-log"
    with about(run=run, node="build"):
        remember_product(run, "sales/orders")
        log.warning("first")
    with about(run=run):
        log.warning("later")

    assert caplog.messages == [
        f"first [product=sales/orders run={run} node=build trace={run_span(run).trace}]",
        f"later [product=sales/orders run={run} trace={run_span(run).trace}]",
    ]


def test_a_line_about_nothing_stays_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with about(run="of-a-log"):
        pass
    log.warning("ready: %s", "100%")

    assert caplog.messages == ["ready: 100%"]
