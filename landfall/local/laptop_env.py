"""The variables that lead to the laptop stack, and the secrets it makes for itself.

The file is in dotenv form: ``NAME='value'`` a line, readable by its owner only. The secrets guard loopback
ports against other users of the machine; they open nothing else.
"""

import os
import secrets
import shlex
from pathlib import Path

from landfall.accounts import actor
from landfall.local.azurite import ACCOUNT, ACCOUNT_KEY
from landfall.local.layout import LOOPBACK, Layout, Ports


def laptop_environment(layout: Layout, ports: Ports) -> dict[str, str]:
    """Return the variables that `landfall.settings` reads for the stack on these ports, but for the saved job."""
    return {
        "LANDFALL_DATABASE_URL": f"sqlite:///{layout.database}",
        "LANDFALL_STORAGE_ACCOUNT": ACCOUNT,
        "LANDFALL_BLOB_ENDPOINT": blob_endpoint(ports),
        "LANDFALL_STORAGE_KEY": ACCOUNT_KEY,
        "DATABRICKS_HOST": f"http://{LOOPBACK}:{ports.jobs}",
        "DATABRICKS_TOKEN": jobs_token(layout),
        "LANDFALL_FUNCTIONS_URL": f"http://{LOOPBACK}:{ports.functions}",
        # The app listens on this machine only, and takes everybody on it for whoever started the stack.
        "LANDFALL_INSECURE_LOCAL": actor(),
        # Who starts runs on a laptop listens on it too.
        "LANDFALL_CALLBACK_LOOPBACK": "true",
    }


def blob_endpoint(ports: Ports) -> str:
    """Return the Blob endpoint of the emulator."""
    return f"http://{LOOPBACK}:{ports.blob}/{ACCOUNT}"


def spark_remote(ports: Ports) -> str:
    """Return the address of the Spark Connect server."""
    return f"sc://{LOOPBACK}:{ports.spark}"


def write_environment(file: Path, variables: dict[str, str]) -> None:
    """Replace the file in one step."""
    lines = ["# Written by `landfall up`. Secrets of this laptop's stack: not for git."]
    lines += [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    draft = file.with_suffix(".new")
    write_private(draft, "\n".join(lines) + "\n")
    draft.replace(file)


def read_environment(file: Path) -> dict[str, str]:
    """Return the variables of a file, none if it does not exist.

    Raises:
        OSError: It cannot be read.
    """
    try:
        text = file.read_text()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): "".join(shlex.split(value)) for name, _, value in pairs}


def jobs_token(layout: Layout) -> str:
    """Return the bearer token of the jobs server, made at the first call."""
    if not layout.jobs_token.exists():
        write_private(layout.jobs_token, secrets.token_hex(16))
    return layout.jobs_token.read_text().strip()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
