"""``python -m landfall.local.functions_host``: runs an unchanged ``function_app.py`` on this machine."""

import argparse
import asyncio
import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from landfall.errors import ErrorKind, LandfallError
from landfall.local.functions_host import log
from landfall.local.functions_host.host import FunctionHost, HostOptions
from landfall.local.functions_host.keys import Keys, open_keys

_EXIT_CODES = {ErrorKind.REFUSED: 1, ErrorKind.UNREACHABLE: 4}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a host until SIGTERM or SIGINT; return the exit code."""
    options = _parser().parse_args(arguments)
    log.configure(options.log_level)
    # The SDK warns about every early event and late duplicate; both are normal.
    warnings.filterwarnings("ignore", message="Potential duplicate Task completion")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"azure\.")
    try:
        return asyncio.run(_run(options))
    except LandfallError as error:
        log.event("host_not_started", level=logging.ERROR, code=error.code, reason=str(error))
        return _EXIT_CODES.get(error.kind, 1)


async def _run(options: argparse.Namespace) -> int:
    # Host and app share one interpreter lock; a busy function must not hold up the host for longer than this.
    sys.setswitchinterval(0.001)
    data: Path = options.data.resolve()
    keys = Keys.unchecked() if options.no_keys else open_keys(options.keys or data / "keys.json")
    host = await FunctionHost.start(
        HostOptions(options.app.resolve(), data, options.port, keys, options.redeliver), os.environ
    )
    if options.port_file is not None:
        options.port_file.write_text(str(host.port), encoding="utf-8")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        _on_signal(loop, number, stop)
    await stop.wait()
    threads_ended = await host.stop()
    if not threads_ended:
        # A thread of the app cannot be stopped, and waiting for it could take for ever. All that matters is stored.
        sys.stderr.flush()
        os._exit(0)
    return 0


def _on_signal(loop: asyncio.AbstractEventLoop, number: signal.Signals, stop: asyncio.Event) -> None:
    try:
        loop.add_signal_handler(number, stop.set)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m landfall.local.functions_host", description=__doc__)
    parser.add_argument(
        "--app", type=Path, required=True, help="folder that holds function_app.py and host.json"
    )
    parser.add_argument("--port", type=int, default=7071, help="port on 127.0.0.1; 0 takes any free one")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the task hub's store; made if missing"
    )
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument(
        "--keys", type=Path, help="keys file; made if missing (default: keys.json in the data folder)"
    )
    keys.add_argument("--no-keys", action="store_true", help="let everybody on this machine call everything")
    parser.add_argument(
        "--redeliver", type=_probability, default=0.0, metavar="P", help="deliver activities twice, at random"
    )
    parser.add_argument("--port-file", type=Path, help="write the port there once the host listens")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("a probability lies between 0 and 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
