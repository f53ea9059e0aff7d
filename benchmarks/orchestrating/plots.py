"""Plots of results, as SVG files that differ only where the results do."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.orchestrating import reports
from benchmarks.orchestrating.reports import Line

mpl.use("svg")
# Ids within the file follow from its content; text stays text.
mpl.rcParams.update({"svg.hashsalt": "landfall", "svg.fonttype": "none", "font.size": 9})

from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

WIDTH_IN = 7.5
_ROW_IN = 0.42
_MARGIN_IN = 1.3
# Told apart by people who do not see all colours (Okabe and Ito).
COLOURS = {"functions": "#0072B2", "jobs": "#E69F00", "storage": "#009E73", "events": "#CC79A7"}
OURS, THEIRS = "#0072B2", "#999999"


def plot(results: Path) -> Path:
    """Draw a file of results beside it, and return the SVG file."""
    lines = reports.read(results)
    figure = Figure(figsize=(WIDTH_IN, _MARGIN_IN + _ROW_IN * len(lines)), layout="constrained")
    axes: Axes = figure.subplots()
    if "peer" in lines[0]:
        _draw_peers(axes, lines)
    elif "files" in lines[0]:
        _draw_processes(axes, lines, [f"{line['files']:,} files" for line in lines], "files", "file")
    else:
        names = [f"{line['graph']} ({line['nodes']:,} nodes)" for line in lines]
        _draw_processes(axes, lines, names, "nodes", "node")
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    file = results.with_suffix(".svg")
    # The date of the drawing would make every drawing another one.
    figure.savefig(file, metadata={"Date": None, "Title": results.stem})
    return file


def _draw_peers(axes: Axes, lines: Sequence[Line]) -> None:
    ordered = sorted(lines, key=lambda line: line["cpu_ms_per_node"])
    names = [
        line["peer"] if line["peer"].startswith("landfall") else f"{line['peer']} {line['version']}"
        for line in ordered
    ]
    colours = [OURS if line["peer"].startswith("landfall") else THEIRS for line in ordered]
    bars = axes.barh(names, [line["cpu_ms_per_node"] for line in ordered], color=colours)
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set_xlabel(f"CPU of all processes, ms a node; {ordered[0]['nodes']} nodes in layers that do nothing")


def _draw_processes(axes: Axes, lines: Sequence[Line], names: Sequence[str], unit: str, one: str) -> None:
    left = [0.0] * len(lines)
    for process in lines[0]["cpu_s"]:
        values = [1000 * line["cpu_s"][process] / line[unit] for line in lines]
        bars = axes.barh(names, values, left=left, color=COLOURS[process], label=process)
        left = [total + value for total, value in zip(left, values, strict=True)]
    axes.bar_label(bars, [f"{total:.0f}" for total in left], padding=3)
    axes.set_xlabel(f"CPU of all processes, ms a {one}")
    axes.legend(ncols=len(COLOURS), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
