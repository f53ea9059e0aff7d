"""Starting, stopping and asking the laptop stack of a project; its supervisor does the work."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from landfall.errors import ErrorKind, LandfallError
from landfall.local import azurite
from landfall.local.layout import LOOPBACK, Layout, Ports
from landfall.local.processes import (
    end_process_group,
    listener_on,
    memory_bytes,
    process_name,
    process_runs,
)
from landfall.local.services import EventsBy
from landfall.local.stack_state import ServiceInfo, ServiceState, StackInfo, StackPhase, read_state

_LOOK_EVERY_S: Final = 0.03

Progress = Callable[[ServiceInfo], None]


class PortInUse(LandfallError):
    """Ports that the stack needs belong to other programs."""

    code = "LF5003"

    def __init__(self, taken: Iterable[tuple[str, int, str]]) -> None:
        self.taken = tuple(taken)
        lines = [
            f"port {port} is in use{f' by {owner}' if owner else ''}; end that program or start with "
            f"`landfall up --{name}-port PORT`"
            for name, port, owner in self.taken
        ]
        super().__init__("The laptop stack cannot start:\n" + "\n".join(f"  {line}" for line in lines))


class StackNotStarted(LandfallError):
    """The supervisor gave up before the stack was ready."""

    code = "LF5004"

    def __init__(self, fault: str) -> None:
        super().__init__(f"The laptop stack did not start. {fault}")


class StackNotReady(LandfallError):
    """The stack is still starting when the caller's patience ends."""

    code = "LF5005"
    kind = ErrorKind.TIMED_OUT
    retryable = True

    def __init__(self, waited_s: float, late: Iterable[str]) -> None:
        super().__init__(
            f"The laptop stack is not ready after {waited_s:.0f} s; still missing: {', '.join(late) or 'all'}. "
            "It goes on starting: `landfall status` shows it, .landfall/logs says why."
        )


class StackNotStopped(LandfallError):
    """Something of the stack is still there after it was killed."""

    code = "LF5006"

    def __init__(self, pid: int) -> None:
        super().__init__(f"The laptop stack's process {pid} does not end; it may belong to another user.")
        self.pid = pid


def start(
    root: Path,
    *,
    with_host: bool = True,
    events: EventsBy = EventsBy.WEBHOOK,
    ports: Ports | None = None,
    on_progress: Progress | None = None,
    timeout_s: float = 60.0,
) -> StackInfo:
    """Start the stack of a project and return when it is ready; one that runs already is left as it is.

    Args:
        root: Folder of the project.
        with_host: Whether to start the local function host; without it `func start` can take its port.
        events: How storage events reach the function app.
        ports: Ports to use; ``None`` means the default ones.
        on_progress: Called with each change of a service.
        timeout_s: How long to wait, in seconds.

    Raises:
        AzuriteNotInstalled: The storage emulator is missing.
        PortInUse: Another program has one of the ports.
        StackNotStarted: A service does not run; the message has the end of its log.
        StackNotReady: It takes longer than ``timeout_s``.
    """
    layout = Layout(root.resolve())
    chosen = ports or Ports()
    running = _supervisor_runs(layout)
    process: subprocess.Popen[bytes] | None = None
    if not running:
        _remove_leftovers(layout)
        azurite.command(layout.root, port=chosen.blob, data=layout.azurite)
        _require_free(chosen, with_host=with_host, with_queues=events is EventsBy.QUEUE)
        process = _launch(layout, chosen, with_host=with_host, events=events)
    info = _wait_until_ready(layout, process, on_progress, timeout_s)
    # Of two that start at the same time, one finds the other's supervisor.
    ours = process is not None and info.supervisor_pid == process.pid
    return replace(info, already_running=not ours)


def stop(root: Path, *, timeout_s: float = 30.0) -> bool:
    """Stop the stack of a project and whatever is left of one; return whether anything ran.

    Raises:
        StackNotStopped: A process of the stack cannot be ended.
    """
    layout = Layout(root.resolve())
    ran = _supervisor_runs(layout)
    supervisor = _supervisor_process(layout)
    if ran and supervisor is not None:
        _end_supervisor(*supervisor, timeout_s)
    left = _remove_leftovers(layout)
    layout.state_file.unlink(missing_ok=True)
    return ran or left


def status(root: Path) -> StackInfo | None:
    """Return how the stack of a project stands, with the memory of each service, or ``None`` if none runs."""
    layout = Layout(root.resolve())
    info = read_state(layout.state_file)
    if info is None or not _supervisor_runs(layout):
        return None
    services = tuple(
        replace(service, memory_bytes=None if service.pid is None else memory_bytes(service.pid))
        for service in info.services
    )
    return replace(info, services=services, already_running=True)


def is_running(root: Path) -> bool:
    """Return whether the stack of a project runs, ready or not."""
    return _supervisor_runs(Layout(root.resolve()))


def _supervisor_runs(layout: Layout) -> bool:
    """Return whether somebody holds the project's lock: a dead supervisor holds none, whatever it left."""
    try:
        with layout.lock_file.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _supervisor_process(layout: Layout) -> tuple[int, float] | None:
    """Return the process that last held the lock, and a time at which it ran, or ``None`` if there was none."""
    try:
        pid, at = layout.lock_file.read_text().split()
        return int(pid), float(at)
    except (OSError, ValueError):
        return None


def _end_supervisor(pid: int, ran_at: float, timeout_s: float) -> None:
    """Ask the supervisor to end; one that does not is killed, and the kernel ends its services."""
    for number, patience_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        give_up_at = time.monotonic() + patience_s
        while time.monotonic() < give_up_at:
            if not process_runs(pid, started_by=ran_at):
                return
            time.sleep(_LOOK_EVERY_S)
    raise StackNotStopped(pid)


def _remove_leftovers(layout: Layout) -> bool:
    """End the services of a supervisor that was killed; return whether there were any."""
    info = read_state(layout.state_file)
    if info is None:
        return False
    found = False
    for service in reversed(info.services):
        if service.pid is None or service.since is None:
            continue
        if process_runs(service.pid, started_by=service.since):
            found = True
            end_process_group(service.pid, grace_s=5.0)
    return found


def _require_free(ports: Ports, *, with_host: bool, with_queues: bool) -> None:
    taken = []
    for name, port in ports.listened_on(with_host=with_host, with_queues=with_queues):
        if not _is_free(port):
            pid = listener_on(port)
            owner = "" if pid is None else f"process {pid} ({process_name(pid)})"
            taken.append((name, port, owner))
    if taken:
        raise PortInUse(taken)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _launch(layout: Layout, ports: Ports, *, with_host: bool, events: EventsBy) -> subprocess.Popen[bytes]:
    layout.logs.mkdir(parents=True, exist_ok=True)
    layout.state_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "landfall.local.supervisor", "--root", str(layout.root)]
    for name, port in ports.named():
        command += [f"--{name}-port", str(port)]
    if not with_host:
        command.append("--no-host")
    command += ["--events", str(events)]
    with layout.log("supervisor").open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A project may have folders with names of Python packages.
            cwd=layout.home,
            # It outlives the command that started it, and its terminal.
            start_new_session=True,
        )


def _wait_until_ready(
    layout: Layout, process: subprocess.Popen[bytes] | None, on_progress: Progress | None, timeout_s: float
) -> StackInfo:
    give_up_at = time.monotonic() + timeout_s
    seen: dict[str, ServiceInfo] = {}
    while True:
        info = read_state(layout.state_file)
        if info is not None:
            for service in info.services:
                if on_progress is not None and seen.get(service.name) != service:
                    on_progress(service)
                seen[service.name] = service
            if info.phase is StackPhase.READY:
                return info
        if process is not None and process.poll() is not None and not _supervisor_runs(layout):
            raise StackNotStarted(_why_not(layout))
        if process is None and not _supervisor_runs(layout):
            raise StackNotStarted("Another start of it failed meanwhile; try again.")
        if time.monotonic() > give_up_at:
            late = [one.title for one in seen.values() if one.state is not ServiceState.READY]
            raise StackNotReady(timeout_s, late)
        time.sleep(_LOOK_EVERY_S)


def _why_not(layout: Layout) -> str:
    info = read_state(layout.state_file)
    if info is not None and info.fault:
        return info.fault
    log = layout.log("supervisor")
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    return f"The end of {log}:\n{tail}"


__all__ = [
    "EventsBy",
    "PortInUse",
    "Ports",
    "ServiceInfo",
    "ServiceState",
    "StackInfo",
    "StackNotReady",
    "StackNotStarted",
    "StackNotStopped",
    "StackPhase",
    "is_running",
    "start",
    "status",
    "stop",
]
