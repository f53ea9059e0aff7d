"""The stack's Spark engine, which holds more memory with every task: when to start it anew, and doing so.

Sail builds the grammar of SQL anew for each text that it reads and never frees one (lakehq/sail#2528): some 0.12 MB for
each expression, 10 MB for a node with twenty rules. To close the session gives nothing of that back.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

from landfall.local.processes import end_process_group, machine_memory_bytes, memory_bytes, process_runs
from landfall.local.stack_state import ServiceState, read_state

_WORN_SHARE: Final = 1 / 8
_FULL_SHARE: Final = 1 / 2
_END_WITHIN_S: Final = 5.0
_READY_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.05


class Engine:
    """The engine that a stack's supervisor runs, and starts again when it has ended.

    Attributes:
        worn_at: Bytes of memory with which it is started anew as soon as no task uses it.
        full_at: Bytes of memory with which no further task is given to it.
    """

    def __init__(self, state_file: Path, service: str, *, memory_limit_bytes: int | None = None) -> None:
        """Look after the engine of a stack.

        Args:
            state_file: What the supervisor says of its services.
            service: The engine's name in it.
            memory_limit_bytes: ``worn_at`` and ``full_at``, if not an eighth and a half of what the machine has.
        """
        self._state_file = state_file
        self._service = service
        self.worn_at = memory_limit_bytes or round(machine_memory_bytes() * _WORN_SHARE)
        self.full_at = memory_limit_bytes or round(machine_memory_bytes() * _FULL_SHARE)

    def memory_bytes(self) -> int:
        """Return what it holds now; nothing while it does not run."""
        pid = self._pid()
        # Asked before each run, and it has no processes below it.
        return (memory_bytes(pid, and_below=False) if pid is not None else None) or 0

    async def renew(self) -> None:
        """End it and return when the next one is ready, or is late: tasks then say what is wrong with it."""
        former = self._pid()
        if former is None:
            return
        await asyncio.to_thread(end_process_group, former, grace_s=_END_WITHIN_S)
        give_up_at = time.monotonic() + _READY_WITHIN_S
        while self._pid(when_ready=True) in (None, former) and time.monotonic() < give_up_at:
            await asyncio.sleep(_LOOK_EVERY_S)

    def _pid(self, *, when_ready: bool = False) -> int | None:
        """Return the process that the supervisor started, and no later one of that number."""
        state = read_state(self._state_file)
        info = next((one for one in state.services if one.name == self._service), None) if state else None
        if info is None or info.pid is None or info.since is None:
            return None
        if when_ready and info.state is not ServiceState.READY:
            return None
        return info.pid if process_runs(info.pid, started_by=info.since) else None
