"""Orchestration instances in memory: what activities start and wake."""

from typing import Any


class FakeInstances:
    """An instance is alive from its start until the test ends it.

    Attributes:
        alive: Instance ids, and what they were started with.
        woken: Instance id and event of each wake-up.
        refuses: Instance ids that the Durable extension fails to look at.
    """

    def __init__(self) -> None:
        self.alive: dict[str, dict[str, Any]] = {}
        self.woken: list[tuple[str, str]] = []
        self.refuses: set[str] = set()

    async def start(self, orchestrator: str, instance_id: str, work: dict[str, Any]) -> bool:
        if instance_id in self.alive:
            return False
        self.alive[instance_id] = work
        return True

    async def wake(self, instance_id: str, event: str) -> None:
        self.woken.append((instance_id, event))

    async def is_alive(self, instance_id: str) -> bool:
        if instance_id in self.refuses:
            raise RuntimeError(f"no status of {instance_id}")
        return instance_id in self.alive
