"""Starting an instance whose namesake ends while it is asked about: the race cannot be had from a host at will."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from activities.instances import DurableInstances


@dataclass
class Client:
    """Answers as the Durable client does, from how the instance stands each time somebody asks.

    Attributes:
        states: What the instance is at each request, ``None`` for unknown; the last stays.
        broken: Whether nothing can be started, for a reason of its own.
    """

    states: list[str | None]
    broken: bool = False
    started: list[str] = field(default_factory=list)

    def _now(self) -> str | None:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    async def start_new(self, orchestrator: str, *, instance_id: str, client_input: Any) -> str:
        state = self._now()
        if self.broken:
            raise Exception("the store does not answer")
        if state in {"Running", "Pending"}:
            raise Exception({"Message": f"An Orchestration instance with the status {state} already exists"})
        self.started.append(instance_id)
        return instance_id

    async def get_status(self, instance_id: str) -> SimpleNamespace:
        return SimpleNamespace(runtime_status=self._now())


def start(client: Client) -> bool:
    return asyncio.run(DurableInstances(client).start("product_coordinator", "product-a-b", {}))


def test_an_instance_that_is_alive_is_left_alone() -> None:
    client = Client(["Running"])

    assert not start(client)
    assert client.started == []


def test_an_instance_whose_namesake_ends_between_two_looks_is_started() -> None:
    client = Client(["Running", "Completed"])

    assert start(client)
    assert client.started == ["product-a-b"]


@pytest.mark.parametrize("state", [None, "Completed"])
def test_what_cannot_be_started_says_why(state: str | None) -> None:
    with pytest.raises(Exception, match="does not answer"):
        start(Client([state], broken=True))
