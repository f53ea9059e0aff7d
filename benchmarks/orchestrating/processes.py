"""CPU and memory of a process and all below it, those that have ended and been waited for included."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process tree has used.

    Attributes:
        cpu_s: CPU seconds, user and system.
        memory_mb: Resident memory of its processes now, shared pages counted once in each.
    """

    cpu_s: float
    memory_mb: float


def usage(pid: int) -> Usage:
    cpu_s, memory = 0.0, 0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            with process.oneshot():
                times = process.cpu_times()
                cpu_s += times.user + times.system + times.children_user + times.children_system
                memory += process.memory_info().rss
        except psutil.NoSuchProcess:
            # Its parent counts it as soon as it has waited for it.
            continue
    return Usage(cpu_s, memory / 1e6)
