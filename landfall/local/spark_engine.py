"""A Spark engine for the time of one command: on a free port, without storage, ended with the command."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from landfall.errors import ErrorKind, LandfallError
from landfall.local.layout import LOOPBACK
from landfall.local.services import SPARK_ENVIRONMENT

_START_TIMEOUT_S: Final = 60.0
_PROBE_EVERY_S: Final = 0.02
_STOP_TIMEOUT_S: Final = 5.0
_LOG_TAIL_BYTES: Final = 2000
# The engine itself has the kernel end it with its parent. A function run in the child before that has a program of its
# own would come after gRPC's handlers for forks, which abort the child where this process has a session already.
_ENGINE: Final = (
    "import sys; from landfall.local.processes import end_with_parent; end_with_parent(int(sys.argv.pop(1))); "
    "from pysail.cli import main; main()"
)


class EngineNotStarted(LandfallError):
    """The Spark engine ended before it answered, or never answered."""

    code = "LF5008"
    kind = ErrorKind.UNREACHABLE

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the Spark engine (Sail) does not start: {reason}. Run `landfall doctor`, which checks what it needs."
        )
        self.reason = reason


@contextmanager
def spark_engine() -> Iterator[str]:
    """Start a Spark Connect server, give its address, and end it.

    Raises:
        EngineNotStarted: It ended at once, or did not answer within a minute.
    """
    port = _free_port()
    arguments = ["spark", "server", "--ip", LOOPBACK, "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _ENGINE, str(os.getpid()), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **SPARK_ENVIRONMENT},
            # An interrupt is for the command, which then ends the engine itself.
            start_new_session=True,
        )
        try:
            _wait_until_it_answers(process, port, log)
            yield f"sc://{LOOPBACK}:{port}"
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    give_up_at = time.monotonic() + _START_TIMEOUT_S
    while True:
        if process.poll() is not None:
            log.seek(0)
            lines = log.read()[-_LOG_TAIL_BYTES:].decode(errors="replace").split("\n")
            # The last line says why; those above it say where in the engine.
            said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
            raise EngineNotStarted(f"it ended with {process.returncode}: {said}")
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up_at:
                raise EngineNotStarted(f"it does not answer after {_START_TIMEOUT_S:.0f} s") from None
            time.sleep(_PROBE_EVERY_S)
        else:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
