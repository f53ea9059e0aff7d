"""Processes of the laptop stack: they end with their parent, and one of a former stack is told from a stranger."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> Callable[[], None] | None:
    """Return what a new child runs first so that the kernel ends it when its parent dies; Linux only."""
    if _libc is None:
        return None
    return partial(end_with_parent, os.getpid())


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent dies; Linux only.

    Args:
        parent: Number of the parent's process.
    """
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # It may have died before the kernel was told.
    if os.getppid() != parent:
        os._exit(1)


def process_runs(pid: int, *, started_by: float) -> bool:
    """Return whether ``pid`` is still the process that ran at ``started_by`` (seconds since the epoch).

    Numbers of processes are given again; one that started later is somebody else.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        # The time of a process is known to 10 ms.
        return process.create_time() <= started_by + 0.1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end_process_group(pid: int, *, grace_s: float) -> None:
    """Ask a process to end, wait, and kill what is left of its process group."""
    _signal(os.kill, pid, signal.SIGTERM)
    give_up_at = time.monotonic() + grace_s
    while time.monotonic() < give_up_at and _exists(pid):
        time.sleep(0.02)
    kill_process_group(pid)


def kill_process_group(pid: int) -> None:
    """Kill a process group by the number of its first process, which may have ended already."""
    _signal(os.killpg, pid, signal.SIGKILL)


def machine_memory_bytes() -> int:
    """Return the memory that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def memory_bytes(pid: int, *, and_below: bool = True) -> int | None:
    """Return the resident memory of a process and all below it, or ``None`` if it has ended.

    Args:
        pid: Its number.
        and_below: Whether to look for those below it, for which all processes of the machine are gone through.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        total = int(process.memory_info().rss)
        for child in process.children(recursive=True) if and_below else ():
            try:
                total += int(child.memory_info().rss)
            except psutil.Error:
                continue
    except psutil.Error:
        return None
    return total


def listener_on(port: int) -> int | None:
    """Return the process that listens on a loopback port, or ``None`` if that cannot be told."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return connection.pid
    return None


def process_name(pid: int) -> str:
    """Return the command of a process for people, or an empty text."""
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())[:120]
    except psutil.Error:
        return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal(send: Callable[[int, int], None], pid: int, number: int) -> None:
    try:
        send(pid, number)
    except (ProcessLookupError, PermissionError):
        return
