"""What the supervisor says about itself and its services, in a file that everybody may read."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self


class StackPhase(StrEnum):
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


class ServiceState(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """How one service stands.

    Attributes:
        name: Name of the service, as its log file has it.
        title: What it is, for people.
        state: How it stands.
        port: Its loopback port, ``None`` if it serves none.
        pid: Its process, ``None`` while there is none.
        since: When the process started, seconds since the epoch.
        restarts: How often it died and was started again.
        memory_bytes: Resident memory of it and its children, ``None`` where not measured.
        fault: Why it is not ready, ``None`` if it is.
    """

    name: str
    title: str
    state: ServiceState = ServiceState.WAITING
    port: int | None = None
    pid: int | None = None
    since: float | None = None
    restarts: int = 0
    memory_bytes: int | None = None
    fault: str | None = None

    @property
    def uptime_s(self) -> float | None:
        """Seconds since the process started, ``None`` while there is none."""
        return None if self.since is None or self.pid is None else max(0.0, time.time() - self.since)


@dataclass(frozen=True, slots=True)
class StackInfo:
    """How the stack of a project stands.

    Attributes:
        root: Folder of the project.
        phase: How the stack stands as a whole.
        supervisor_pid: Process of the supervisor.
        services: The services in the order they are started in.
        env_file: File with the variables for everything that uses the stack.
        fault: Why it failed, ``None`` if it did not.
        already_running: Whether this answer comes from a start that found the stack running.
    """

    root: Path
    phase: StackPhase
    supervisor_pid: int
    services: tuple[ServiceInfo, ...]
    env_file: Path
    fault: str | None = None
    already_running: bool = False

    def service(self, name: str) -> ServiceInfo:
        """Return a service by its name; ``KeyError`` if the stack has none of that name."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    def to_json(self) -> str:
        """Return the text of the state file."""
        content = asdict(self) | {"root": str(self.root), "env_file": str(self.env_file)}
        return json.dumps(content, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what a state file says.

        Raises:
            ValueError: It is not JSON.
            KeyError: It lacks something.
        """
        content = json.loads(text)
        return cls(
            root=Path(content["root"]),
            phase=StackPhase(content["phase"]),
            supervisor_pid=content["supervisor_pid"],
            services=_services(content["services"]),
            env_file=Path(content["env_file"]),
            fault=content["fault"],
        )


def write_state(file: Path, info: StackInfo) -> None:
    """Replace the state file in one step, so that readers see the former or the new one."""
    draft = file.with_suffix(".new")
    draft.write_text(info.to_json())
    draft.replace(file)


def read_state(file: Path) -> StackInfo | None:
    """Return what the state file says, or ``None`` if there is none that can be read."""
    try:
        return StackInfo.from_json(file.read_text())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _services(content: Sequence[dict[str, Any]]) -> tuple[ServiceInfo, ...]:
    return tuple(ServiceInfo(**{**one, "state": ServiceState(one["state"])}) for one in content)
