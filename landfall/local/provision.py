"""`python -m landfall.local.provision containers database`: what the function app works with.

`database` brings the metadata database to the newest revision, `containers` creates the containers as soon as
the emulator answers. A process of its own, because what it imports weighs more than the supervisor. Reads the
variables of `landfall.settings`.
"""

import argparse
import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from landfall.addresses import CONTAINERS
from landfall.errors import LandfallError
from landfall.local.storage_events.emulator import EmulatedStorage, EmulatorFault
from landfall.settings import Settings

# The emulator is starting at the same time.
_WAIT_FOR_EMULATOR_S: Final = 30.0
_RETRY_S: Final = 0.1


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
    give_up_at = time.monotonic() + _WAIT_FOR_EMULATOR_S
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


def main() -> None:
    """Make the parts that the command line names, side by side."""
    parser = argparse.ArgumentParser(prog="python -m landfall.local.provision")
    parser.add_argument("parts", nargs="+", choices=("containers", "database"))
    parts = parser.parse_args().parts
    settings = Settings.from_environment(os.environ)
    make = {
        "containers": lambda: asyncio.run(create_containers(settings.blob_endpoint)),
        "database": lambda: upgrade_database(settings),
    }
    try:
        with ThreadPoolExecutor() as pool:
            for making in [pool.submit(make[part]) for part in parts]:
                making.result()
    except (LandfallError, EmulatorFault) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
