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
# Characters of a terminal for each column, on average, below which a table cannot be read.
_NARROWEST = 8
# Columns whose words are states; a product may be called like one.
_STATED = frozenset({"state", "ok", "outcome", "status", "run_state"})


def is_for_people() -> bool:
    """Return whether stdout is a terminal that may be coloured; what is piped never is."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_table(
    columns: Sequence[str], heading: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool]
) -> None:
    """Print a table that fits the width of the terminal; where words would break into pieces, a line for each field.

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

    console = Console(highlight=False)
    widths = [max(map(len, column)) for column in zip(heading, *cells, strict=True)]
    # As text: what a file is called must not be taken for markup.
    rows = [
        [
            Text(text, style=_STYLES.get(text, "") if column in _STATED else "")
            for column, text in zip(columns, row, strict=True)
        ]
        for row in cells
    ]
    if console.width < min(sum(widths) + 2 * len(widths), _NARROWEST * len(widths)):
        widest = max(map(len, heading))
        for row in rows:
            for name, told in zip(heading, row, strict=True):
                console.print(Text(f"{name:<{widest}}  ", style="bold") + told, soft_wrap=True)
            console.print()
        return
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for text, right in zip(heading, numeric, strict=True):
        table.add_column(text, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
