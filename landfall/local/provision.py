"""`python -m landfall.local.provision stores|job`: what must be there before the function host starts.

`stores` brings the metadata database to the newest revision and creates the containers; `job` ensures the
saved job and prints its id. Both wait for servers that are still starting. Processes of their own, because the
SDKs weigh more than the supervisor. Reads the variables of `landfall.settings`.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from landfall.addresses import CONTAINERS
from landfall.errors import LandfallError
from landfall.local.storage_events.emulator import EmulatedStorage, EmulatorFault
from landfall.settings import Settings

Answer = TypeVar("Answer")

# The servers are starting at the same time.
_WAIT_FOR_SERVERS_S: Final = 30.0
_RETRY_S: Final = 0.1


def make_stores(settings: Settings) -> None:
    """Make database and containers.

    Raises:
        LandfallError: The database could not be brought to the newest revision.
        EmulatorFault: The emulator did not create the containers in time.
    """
    with ThreadPoolExecutor() as pool:
        containers = pool.submit(lambda: asyncio.run(create_containers(settings.blob_endpoint)))
        upgrade_database(settings)
        containers.result()


def upgrade_database(settings: Settings) -> None:
    """Bring the metadata database to the newest revision."""
    from landfall.metadata.engine import Database
    from landfall.metadata.migrations import upgrade

    database = Database.connect(settings)
    try:
        upgrade(database)
    finally:
        database.close()


async def create_containers(endpoint: str) -> None:
    """Create the containers that do not exist yet, as soon as the emulator answers."""
    storage = EmulatedStorage.connect(endpoint)
    give_up_at = time.monotonic() + _WAIT_FOR_SERVERS_S
    try:
        for container in CONTAINERS:
            while True:
                try:
                    await storage.create_container(container)
                    break
                except EmulatorFault:
                    if time.monotonic() > give_up_at:
                        raise
                    await asyncio.sleep(_RETRY_S)
    finally:
        await storage.close()


def ensure_saved_job(settings: Settings) -> int:
    """Return the id of the saved job of the default compute profile, made or brought up to date."""
    from landfall.jobs.client import connect

    jobs = connect(settings)
    return _as_soon_as_it_answers(jobs.ensure_job)


def _as_soon_as_it_answers(ask: Callable[[], Answer]) -> Answer:
    give_up_at = time.monotonic() + _WAIT_FOR_SERVERS_S
    while True:
        try:
            return ask()
        except LandfallError as error:
            if not error.retryable or time.monotonic() > give_up_at:
                raise
            time.sleep(_RETRY_S)


def main() -> None:
    """Do the part that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m landfall.local.provision")
    parser.add_argument("part", choices=("stores", "job"))
    part = parser.parse_args().part
    settings = Settings.from_environment(os.environ)
    try:
        if part == "stores":
            make_stores(settings)
        else:
            print(ensure_saved_job(settings))
    except (LandfallError, EmulatorFault) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
