"""Fixtures of the function host's contract tests."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.functions_host.running import HostUnderTest
from tests.contract.functions_host.simulation import Activity, Simulation

MakeSimulation = Callable[..., Simulation]


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[MakeSimulation]:
    """Make a simulation of one orchestrator, and of whatever else a test needs."""
    made: list[Simulation] = []

    def make(code: Callable[..., Any], **more: Any) -> Simulation:
        orchestrators = {"main": code, **more.pop("others", {})}
        activities = {
            "echo": Activity(lambda value: value),
            "boom": Activity(_boom),
            **more.pop("activities", {}),
        }
        simulation = Simulation(tmp_path / f"hub{len(made)}", orchestrators, activities, **more)
        made.append(simulation)
        return simulation

    yield make
    for simulation in made:
        simulation.hub.store.close()


def _boom(value: Any) -> None:
    raise ValueError(f"no good: {value}")


@pytest.fixture
async def gallery(tmp_path: Path) -> AsyncIterator[HostUnderTest]:
    """A running host of the gallery app, without keys."""
    host = await HostUnderTest.start(tmp_path / "data")
    yield host
    await host.stop()
