"""The command that starts the server: ``python -m landfall.local.jobs_server --data FOLDER --token-file FILE``."""

import argparse
import asyncio
import fcntl
import os
import secrets
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from landfall.local.jobs_server.app import KEEP_ALIVE_S, JobsServer
from landfall.local.jobs_server.dispatcher import Dispatcher
from landfall.local.jobs_server.engine import Engine
from landfall.local.jobs_server.jobs_api import JobsApi
from landfall.local.jobs_server.launcher import Launcher, LaunchFailed
from landfall.local.jobs_server.runs import FailureMode
from landfall.local.jobs_server.store import Store

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8470
DATABASE_FILE = "jobs.db"
LOCK_FILE = "lock"
# The task's package, and what the first use of a Spark session would import.
DEFAULT_PRELOAD = (
    "pandas",
    "pyarrow.pandas_compat",
    "pyarrow.vendored.version",
    "grpc._channel",
    "pyspark.sql.functions",
    "pyspark.sql.connect.session",
    "pyspark.sql.connect.dataframe",
    "pyspark.sql.connect.readwriter",
    "pyspark.sql.connect.functions",
    "spark_runtime:run",
    "spark_runtime.warming",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says.

    Attributes:
        port: TCP port; 0 takes a free one and prints it.
        data: Folder of the database and the outputs.
        token_file: Holds the bearer token; created with a random one if it is absent.
        slots: Runs at a time.
        failure_mode: How failed runs look.
        preload: What the warm process imports: modules, and entry points as ``package:entry_point``.
        engine: The Spark engine that tasks use, ``None`` if somebody else looks after its memory.
    """

    port: int
    data: Path
    token_file: Path
    slots: int
    failure_mode: FailureMode
    preload: tuple[str, ...]
    engine: Engine | None


def parse_options(arguments: Sequence[str]) -> Options:
    """Return the options of a command line; leaves with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m landfall.local.jobs_server",
        description="The Databricks Jobs API on loopback. It executes code on request: keep the token to yourself.",
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--data", type=Path, required=True, help="folder of the database and the outputs")
    parser.add_argument("--token-file", type=Path, required=True, help="created if it is absent")
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 2, help="runs at a time")
    parser.add_argument(
        "--failure-mode", type=FailureMode, choices=list(FailureMode), default=FailureMode.SERVERLESS
    )
    parser.add_argument("--preload", action="append", metavar="MODULE|PACKAGE:ENTRY_POINT")
    parser.add_argument(
        "--stack-state",
        type=Path,
        metavar="FILE",
        help="what a supervisor says of its services: its Spark engine is ended, to be started anew, "
        "when no run uses it and it holds much memory",
    )
    parser.add_argument("--engine", default="spark", metavar="NAME", help="the engine's name in it")
    parser.add_argument(
        "--engine-memory-mb", type=int, help="how much is much, else an eighth of the machine's"
    )
    chosen = parser.parse_args(arguments)
    if chosen.slots < 1:
        parser.error("--slots must be at least 1")
    engine = None
    if chosen.stack_state is not None:
        limit_bytes = chosen.engine_memory_mb * 1024 * 1024 if chosen.engine_memory_mb else None
        engine = Engine(chosen.stack_state, chosen.engine, memory_limit_bytes=limit_bytes)
    return Options(
        port=chosen.port,
        data=chosen.data,
        token_file=chosen.token_file,
        slots=chosen.slots,
        failure_mode=chosen.failure_mode,
        preload=DEFAULT_PRELOAD if chosen.preload is None else tuple(chosen.preload),
        engine=engine,
    )


def read_or_create_token(path: Path) -> str:
    """Return the token in ``path``; a new random one is written, readable by its owner only, if there is none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        token = secrets.token_urlsafe(32)
        file.write(token)
    return token


async def serve(options: Options, environ: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    store = Store(options.data / DATABASE_FILE)
    launcher = Launcher(options.data, options.preload, environ)
    dispatcher = Dispatcher(
        store,
        launcher,
        folder=options.data / "runs",
        slots=options.slots,
        mode=options.failure_mode,
        environ=environ,
        engine=options.engine,
    )
    server = JobsServer(JobsApi(store, dispatcher), read_or_create_token(options.token_file))
    runner = web.AppRunner(server.application(), keepalive_timeout=KEEP_ALIVE_S, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, options.port)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await site.start()
        port = runner.addresses[0][1]
        print(f"listening on http://{LOOPBACK}:{port}", flush=True)
        dispatcher.recover()
        warming = asyncio.create_task(_warm_up(launcher))
        await stopping.wait()
        warming.cancel()
    finally:
        await runner.cleanup()
        await dispatcher.close()
        await launcher.stop()
        store.close()


async def _warm_up(launcher: Launcher) -> None:
    try:
        await launcher.start()
    except LaunchFailed as error:
        # Tasks try again and then fail with the same message; the server itself can answer.
        print(f"jobs server: {error}", file=sys.stderr, flush=True)


@contextmanager
def _alone_with(data: Path) -> Iterator[None]:
    """Hold the data folder: a second server would declare the first one's runs lost."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(
                f"jobs server: another one works in {data}; stop it, or give this one another --data folder"
            )
        yield


def main() -> None:
    """Run the server; a port or a data folder in use ends it with status 1 and says so."""
    options = parse_options(sys.argv[1:])
    try:
        with _alone_with(options.data):
            asyncio.run(serve(options, os.environ))
    except OSError as error:
        sys.exit(f"jobs server: cannot listen on {LOOPBACK}:{options.port}: {error.strerror or error}")


if __name__ == "__main__":
    main()
