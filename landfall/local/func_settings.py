"""`python -m landfall.local.func_settings`: write `local.settings.json` for `func start` beside a running stack."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from landfall.local.azurite import ACCOUNT, ACCOUNT_KEY
from landfall.local.laptop_env import read_environment, write_private
from landfall.local.layout import LOOPBACK, Layout, Ports
from landfall.local.services import EventsBy, events_environment

# As many as host.json lets the Durable extension fetch at once; by default it would be a handful.
_THREADS = 16


def func_settings(variables: Mapping[str, str], *, queue_port: int, table_port: int) -> str:
    """Return the text of `local.settings.json` for the variables of a laptop stack."""
    values = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": str(_THREADS),
        "AzureWebJobsStorage": ";".join(
            (
                "DefaultEndpointsProtocol=http",
                f"AccountName={ACCOUNT}",
                f"AccountKey={ACCOUNT_KEY}",
                f"BlobEndpoint={variables['LANDFALL_BLOB_ENDPOINT']}",
                f"QueueEndpoint=http://{LOOPBACK}:{queue_port}/{ACCOUNT}",
                f"TableEndpoint=http://{LOOPBACK}:{table_port}/{ACCOUNT}",
            )
        ),
    }
    # Events are pushed to the webhook; without its storage account the host would refuse the other form.
    values |= events_environment(Ports(), EventsBy.WEBHOOK)
    return json.dumps({"IsEncrypted": False, "Values": values | dict(variables)}, indent=2) + "\n"


def main() -> None:
    """Write the file into the current folder."""
    layout = Layout(Path.cwd())
    variables = read_environment(layout.env_file)
    if not variables:
        sys.exit(f"{layout.env_file} does not exist; run `landfall up --no-host` first.")
    text = func_settings(variables, queue_port=Ports().queue, table_port=Ports().table)
    write_private(Path("local.settings.json"), text)
    print("local.settings.json written; now: func start")


if __name__ == "__main__":
    main()
