"""What the forked child does: run one entry point as Databricks does, and leave its output and outcome in a folder.

The child reports by its exit status: 0 succeeded, ``EXIT_FAILED`` failed with a traceback in ``error.json``,
``EXIT_STOPPED`` stopped in good order after SIGTERM, its Spark session closed. Anything else is a lost driver.
"""

import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

EXIT_FAILED = 1
EXIT_STOPPED = 143  # 128 + SIGTERM, as a shell shows it
OUTPUT_FILE = "output.log"
ERROR_FILE = "error.json"
PROCESS_FILE = "process.json"
ENGINE_ANSWERS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """One task to run.

    Attributes:
        folder: Receives output, error and the identity of the process; it exists.
        package_name: Distribution whose entry point is called.
        entry_point: Name of the entry point, or of a function of the package.
        arguments: Command line without the program's name.
        environ: Variables set over the ones of the server.
    """

    folder: str
    package_name: str
    entry_point: str
    arguments: list[str]
    environ: dict[str, str]


class EntryPointMissing(Exception):
    """The task names a package or an entry point that is not installed."""


def run_task(order: TaskOrder, server_process: int) -> int:
    """Run one task in this process, which was forked for it, and return the exit status.

    Args:
        order: The task.
        server_process: Id of the parent; if it is gone nobody would learn the outcome, so nothing is started.
    """
    folder = Path(order.folder)
    os.setpgid(0, 0)  # An own process group, so that a cancel reaches whatever the task starts.
    os.environ.update(order.environ)
    identity = {**identify_process(os.getpid()), "spark_remote": os.environ.get("SPARK_REMOTE")}
    (folder / PROCESS_FILE).write_text(json.dumps(identity))
    if os.getppid() != server_process:
        return EXIT_STOPPED
    _redirect_output(folder / OUTPUT_FILE)
    signal.signal(signal.SIGTERM, _stop_in_good_order)
    try:
        sys.argv = [order.package_name, *order.arguments]
        find_entry_point(order.package_name, order.entry_point)()
        return 0
    except SystemExit as leaving:
        if not leaving.code:
            return 0
        return _report_failure(folder, leaving)
    except BaseException as failure:  # The edge of the process: whatever it is becomes the task's error.
        return _report_failure(folder, failure)
    finally:
        _close_spark_session()
        sys.stdout.flush()
        sys.stderr.flush()


def close_session(remote: str) -> int:
    """End a Spark session that its process could not end itself, with all it has running.

    Args:
        remote: Address of the Spark Connect server with the ``session_id`` of that session.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    address = urlsplit(remote)
    try:
        # The Connect client would wait for a dead engine for ever; with the engine the session is gone too.
        socket.create_connection(
            (address.hostname or "", address.port or 15002), ENGINE_ANSWERS_WITHIN_S
        ).close()
    except OSError:
        return 0
    session = SparkSession.builder.remote(remote).create()
    with contextlib.suppress(PySparkException):  # The engine has closed it already.
        session.interruptAll()
        session.stop()
    return 0


def find_entry_point(package_name: str, entry_point: str) -> Callable[[], object]:
    """Return the function that a wheel task calls.

    The entry point is looked up by name in the metadata of the distribution, in any group; if there is none,
    the package's function of that name is taken.

    Raises:
        EntryPointMissing: Neither exists.
    """
    try:
        declared = importlib.metadata.distribution(package_name).entry_points
    except importlib.metadata.PackageNotFoundError:
        raise EntryPointMissing(
            f"Package {package_name!r} is not installed where the jobs server runs; install its wheel there."
        ) from None
    for candidate in declared:
        if candidate.name == entry_point:
            function: Callable[[], object] = candidate.load()
            return function
    found: Any = getattr(importlib.import_module(package_name), entry_point, None)
    if not callable(found):
        raise EntryPointMissing(
            f"Package {package_name!r} has neither an entry point nor a function named {entry_point!r}; "
            f"its entry points: {', '.join(sorted(item.name for item in declared)) or 'none'}."
        )
    return found  # type: ignore[no-any-return]  # whatever the package offers under that name


def identify_process(pid: int) -> dict[str, int]:
    """Return what tells this process from a later one with the same id: the id and its start in clock ticks."""
    # The name of the process, in parentheses, may hold spaces: fields are counted from behind it.
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return {"pid": pid, "started_ticks": int(after_name[19])}


def _redirect_output(path: Path) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.close(nothing)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)  # What was printed is kept when the process is killed.


def _report_failure(folder: Path, failure: BaseException) -> int:
    # The first frame is this module's own call; what the reader wants begins below it.
    inner = failure.__traceback__.tb_next if failure.__traceback__ else None
    trace = "".join(traceback.format_exception(type(failure), failure, inner))
    print(trace, file=sys.stderr, end="")
    last_line = traceback.format_exception_only(failure)[-1].strip()
    (folder / ERROR_FILE).write_text(json.dumps({"error": last_line, "error_trace": trace}), encoding="utf-8")
    return EXIT_FAILED


def _stop_in_good_order(_signum: int, _frame: FrameType | None) -> None:
    # The handler interrupts the main thread anywhere, perhaps inside a call to Spark that holds locks: the
    # session is closed by another thread, for which the main thread goes on.
    session = _active_spark_session()
    threading.Thread(target=_interrupt_and_exit, args=(session,), daemon=True).start()


def _interrupt_and_exit(session: Any) -> None:
    try:
        if session is not None:
            session.interruptAll()
            session.stop()
    finally:
        os._exit(EXIT_STOPPED if session is None or session.is_stopped else EXIT_FAILED)


def _close_spark_session() -> None:
    session = _active_spark_session()
    if session is not None:
        session.stop()


def _active_spark_session() -> Any:
    # Only if the task imported it: a task that has nothing to do with Spark does not pay for it.
    module = sys.modules.get("pyspark.sql.connect.session")
    return None if module is None else module.SparkSession.getActiveSession()
