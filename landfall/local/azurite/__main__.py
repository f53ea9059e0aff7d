"""`python -m landfall.local.azurite`: install the pinned Azurite below the current folder."""

import sys
from pathlib import Path

from landfall.errors import LandfallError
from landfall.local.azurite import find_installation, install

if __name__ == "__main__":
    root = Path.cwd()
    if find_installation(root) is None:
        print("setup: installing Azurite", file=sys.stderr)
    try:
        install(root)
    except LandfallError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
