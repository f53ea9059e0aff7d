"""The warm process: it has everything imported that a task needs, and forks one child per task.

Importing pyspark takes two seconds; a fork takes three milliseconds. The process stays single-threaded
and opens no channel to Spark, because neither threads nor gRPC channels survive a fork. It talks with the server
over one socket, a JSON object per line, orders coming in and ``ready``, ``started`` and ``exited`` going out.
When the socket closes the server is gone, and so are all children a moment later.

When the code of a preloaded package has changed on disk, the process replaces itself before the next order, so that
a task always runs the code that is there, as a fresh interpreter would.
"""

import argparse
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from landfall.local.jobs_server.child import TaskOrder, close_session, find_entry_point, run_task

GRACE_AT_END_S = 2.0


def preload(wanted: Sequence[str]) -> "Sources":
    """Import what tasks need and return the files behind it that may change.

    Args:
        wanted: Modules, and entry points written ``package:entry_point``; the latter's packages are watched.
    """
    packages = set()
    for name in wanted:
        package, colon, entry_point = name.partition(":")
        try:
            if colon:
                packages.add(find_entry_point(package, entry_point).__module__.partition(".")[0])
            else:
                importlib.import_module(package)
        except Exception:  # What is broken must not take the server down; its tasks will say what is wrong.
            traceback.print_exc()
    # What opening a connection loads by itself: each task would load it anew, for longer than its fork takes.
    "localhost".encode("idna")
    sources = Sources.of(packages)
    gc.collect()
    gc.freeze()  # Children then leave these objects alone, and their pages stay shared.
    return sources


@dataclass(frozen=True, slots=True)
class Sources:
    """Source files as they were when they were imported: time of change in nanoseconds and size in bytes."""

    seen: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, packages: Set[str]) -> Self:
        """Return the files of every imported module of some top-level packages."""
        files = (
            module.__file__
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] in packages and getattr(module, "__file__", None)
        )
        return cls({file: _stamp(file) for file in files if file is not None})

    def changed(self) -> bool:
        """Return whether a file was written, replaced or removed since."""
        return any(_stamp(file) != stamp for file, stamp in self.seen.items())


class Zygote:
    """Forks children on request and reports their ends."""

    def __init__(self, channel: socket.socket, sources: Sources, children: Mapping[int, int]) -> None:
        """Take over the socket.

        Args:
            channel: To the server.
            sources: What makes this process outdated when it changes.
            children: Order numbers by process id, of children that were forked before the process replaced itself.
        """
        self._channel = channel
        self._sources = sources
        self._received = b""
        self._children = dict(children)
        self._pid = os.getpid()
        self._wake_reader, self._wake_writer = os.pipe()
        for end in (self._wake_reader, self._wake_writer):
            os.set_blocking(end, False)

    def serve(self) -> None:
        """Work until the server closes the socket."""
        signal.signal(signal.SIGCHLD, lambda *_: None)  # the byte in the wake-up pipe is what matters
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        self._say({"ready": self._pid})
        self._reap()
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            connected = True
            while connected:
                for key, _ in selector.select():
                    if key.fileobj is self._channel:
                        if not self._received and self._sources.changed():
                            self._replace_itself()
                        connected = self._listen()
                    else:
                        self._reap()
        self._end_children()

    def _listen(self) -> bool:
        received = self._channel.recv(65536)
        if not received:
            return False
        *lines, self._received = (self._received + received).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return True

    def _obey(self, message: dict[str, Any]) -> None:
        number = int(message["number"])
        pid = os.fork()
        if pid == 0:
            self._become(message)
        # Done here and in the child, whoever comes first: the group must exist before anybody signals it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(pid, pid)
        self._children[pid] = number
        self._say({"started": number, "pid": pid})

    def _become(self, message: dict[str, Any]) -> NoReturn:
        """Be the child."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._channel.close()
            os.close(self._wake_reader)
            os.close(self._wake_writer)
            numpy = sys.modules.get("numpy")
            if numpy is not None:
                numpy.random.seed()  # Forked children would all draw the same numbers; `random` looks after itself.
            if "task" in message:
                status = run_task(TaskOrder(**message["task"]), self._pid)
            else:
                status = close_session(message["close_session"])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _replace_itself(self) -> NoReturn:
        # The same process id and the same children; the order waits in the socket for the new program.
        kept = [
            argument for pid, number in self._children.items() for argument in ("--child", f"{pid}:{number}")
        ]
        own = _parse(sys.argv[1:])
        wanted = [argument for name in own.preload for argument in ("--preload", name)]
        module = "landfall.local.jobs_server.zygote"
        command = [sys.executable, "-m", module, "--channel", str(own.channel), *wanted, *kept]
        os.execv(sys.executable, command)  # noqa: S606  # our own command line

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_reader, 4096):
                pass
        while self._children:
            # Looked at before it is collected: until then its id cannot be given to another process group.
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(ended.si_pid, signal.SIGKILL)  # whatever the task left behind
            _, status = os.waitpid(ended.si_pid, 0)
            number = self._children.pop(ended.si_pid)
            self._say({"exited": number, "status": os.waitstatus_to_exitcode(status)})

    def _say(self, message: dict[str, int]) -> None:
        # The server may have gone meanwhile; the next read will tell.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._channel.sendall(json.dumps(message).encode() + b"\n")

    def _end_children(self) -> None:
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)
        signal.signal(signal.SIGALRM, lambda *_: self._kill_children())
        signal.setitimer(signal.ITIMER_REAL, GRACE_AT_END_S)
        while self._children:
            pid, _ = os.waitpid(-1, 0)
            self._children.pop(pid, None)

    def _kill_children(self) -> None:
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Run as ``python -m landfall.local.jobs_server.zygote``; started by the server only."""
    chosen = _parse(sys.argv[1:])
    pairs = [child.split(":") for child in chosen.child]
    children = {int(pid): int(number) for pid, number in pairs}
    Zygote(socket.socket(fileno=chosen.channel), preload(chosen.preload), children).serve()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--channel", type=int, required=True, help="file descriptor of the socket")
    parser.add_argument("--preload", action="append", default=[], metavar="MODULE|PACKAGE:ENTRY_POINT")
    parser.add_argument("--child", action="append", default=[], metavar="PID:NUMBER")
    return parser.parse_args(arguments)


def _stamp(file: str) -> tuple[int, int]:
    try:
        found = os.stat(file)  # noqa: PTH116  # called for every file before every task
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


if __name__ == "__main__":
    main()
