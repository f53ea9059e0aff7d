"""Tables for people at a terminal: the heading stands out, states have their colours, long texts are folded."""

import os
import sys
from collections.abc import Sequence

_STYLES = {
    "succeeded": "green",
    "done": "green",
    "ready": "green",
    "yes": "green",
    "released": "green",
    "failed": "bold red",
    "rejected": "bold red",
    "dead": "bold red",
    "no": "bold red",
    "running": "cyan",
    "submitted": "cyan",
    "claimed": "cyan",
    "cancelled": "yellow",
    "skipped": "yellow",
    "paused": "yellow",
    "unmatched": "yellow",
    "held": "yellow",
    "left": "yellow",
}
# Columns whose words are states; a product may be called like one.
_STATED = frozenset({"state", "ok", "outcome", "status", "run_state"})


def is_for_people() -> bool:
    """Return whether stdout is a terminal that may be coloured; what is piped never is."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_table(
    columns: Sequence[str], heading: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool]
) -> None:
    """Print a table that fits the width of the terminal.

    Args:
        columns: Keys of the columns, in order.
        heading: What stands above each.
        cells: Texts by row and column.
        numeric: Whether a column stands to the right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for text, right in zip(heading, numeric, strict=True):
        table.add_column(text, justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(
            *(
                # As text: what a file is called must not be taken for markup.
                Text(text, style=_STYLES.get(text, "") if column in _STATED else "")
                for column, text in zip(columns, row, strict=True)
            )
        )
    Console(highlight=False).print(table)
