"""The programs of a peer: started in a folder of their own, waited for with a bound, counted, ended by their ids."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.orchestrating.processes import usage

_SUBREAPER = 36
_TELL_EVERY_S = 15.0
_END_S = 20.0
_LOG_TAIL = 2_000


class PeerFailed(Exception):
    """A peer did not do what it was asked to, or not in its time."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a graph cost, start-up of the programs taken out.

    Attributes:
        idle_cores: Cores that the peer's programs use while there is nothing to do; part of ``cpu_s``.
    """

    cpu_s: float
    wall_s: float
    idle_cores: float = 0.0


class Programs:
    """All programs of one peer; they share a folder, an environment and a log."""

    def __init__(self, peer: str, folder: Path, environment: Mapping[str, str], *, patience_s: float) -> None:
        self.folder = folder
        self._peer = peer
        self._environment = {**os.environ, **environment}
        self._log = folder / "programs.log"
        self._give_up_at = time.monotonic() + patience_s
        self._servers: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> None:
        """Start a program that goes on until the end."""
        with self._log.open("a") as log:
            self._servers.append(
                subprocess.Popen(
                    command,
                    env=self._environment,
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def run(self, what: str, *command: str) -> Spent:
        """Run a program to its end, and return what it alone has taken."""
        before, started = _ended_cpu_s(), time.monotonic()
        with self._log.open("a") as log:
            process = subprocess.Popen(
                command, env=self._environment, cwd=self.folder, stdout=log, stderr=log
            )
        self.wait(what, lambda: process.poll() is not None)
        if process.returncode:
            raise PeerFailed(f"{what} ended with {process.returncode}\n{self.log_tail()}")
        return Spent(_ended_cpu_s() - before, time.monotonic() - started)

    def wait(
        self, what: str, holds: Callable[[], bool], *, progress: Callable[[], str] | None = None
    ) -> None:
        """Wait until it holds; say now and then how far it is.

        Raises:
            PeerFailed: The time of the peer is up, or one of its servers has ended.
        """
        tell_at = time.monotonic() + _TELL_EVERY_S
        while not holds():
            now = time.monotonic()
            if now > self._give_up_at:
                raise PeerFailed(f"{what}: not within the time given\n{self.log_tail()}")
            if any(server.poll() is not None for server in self._servers):
                raise PeerFailed(f"{what}: a server has ended\n{self.log_tail()}")
            if now > tell_at:
                tell_at = now + _TELL_EVERY_S
                print(
                    f"{self._peer}: {what}: {progress() if progress else 'waiting'}",
                    file=sys.stderr,
                    flush=True,
                )
            time.sleep(0.1)

    def cpu_s(self) -> float:
        """Return the CPU seconds of all programs so far, those that have ended included."""
        me = psutil.Process().cpu_times()
        return usage(os.getpid()).cpu_s - me.user - me.system

    def log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-_LOG_TAIL:] if self._log.exists() else ""

    def stop(self) -> None:
        """End what is left: first the servers, kindly, then whatever they have left behind."""
        for server in self._servers:
            server.terminate()
        for server in self._servers:
            try:
                server.wait(_END_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        for process in psutil.Process().children(recursive=True):
            try:
                process.kill()
                process.wait(_END_S)
            except psutil.Error:
                continue
        _reap()


@contextmanager
def programs(
    peer: str, folder: Path, environment: Mapping[str, str], *, patience_s: float
) -> Iterator[Programs]:
    # What a program leaves behind becomes our child, to be counted and ended here.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    started = Programs(peer, folder, environment, patience_s=patience_s)
    try:
        yield started
    finally:
        started.stop()


def idle_cores(peer: Programs, *, for_s: float = 10.0) -> float:
    """Return the cores that the programs use while they have nothing to do."""
    before = peer.cpu_s()
    time.sleep(for_s)
    return (peer.cpu_s() - before) / for_s


def _ended_cpu_s() -> float:
    mine = psutil.Process().cpu_times()
    return float(mine.children_user + mine.children_system)


def _reap() -> None:
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                return
        except ChildProcessError:
            return
