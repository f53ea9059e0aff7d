"""Short and long form of these tests: `make test` runs the short one, ``make chaos`` the long one or a share of it."""

import os

# Of the long form, how much; 0 is the short form.
SHARE = float(os.environ.get("LANDFALL_CHAOS") or 0)
LONG = SHARE > 0


def form(short: int, long: int) -> int:
    """Return how much to do: ``short``, or the share of ``long`` that was asked for and never less than ``short``."""
    return max(short, round(long * SHARE))


def full(short: int, long: int) -> int:
    """Return how large one case is, which no share makes smaller."""
    return long if LONG else short
