"""Short and long form of these tests: `make test` runs the short one, ``make chaos`` the long one."""

import os

LONG = os.environ.get("LANDFALL_CHAOS") == "long"


def form(short: int, long: int) -> int:
    """Return how much to do in the form that was asked for."""
    return long if LONG else short
