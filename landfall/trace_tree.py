"""A trace as a text tree with times, read from the file that spans are written to."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Span = Mapping[str, Any]

_NS_PER_MS = 1_000_000
_HEAD = f"{'begins':>10} {'takes':>10}"


def read_spans(file: Path, trace_id: str) -> list[Span]:
    """Return the spans of one trace, each once, as the lines of a span file describe them.

    A line that is cut off is passed over: whoever writes may be at it.
    """
    found: dict[str, Span] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            span = json.loads(line)
        except ValueError:
            continue
        if span["trace_id"] == trace_id:
            found[span["span_id"]] = span
    return list(found.values())


def tree_lines(spans: Iterable[Span]) -> Iterator[str]:
    """Yield a heading and one line per span: when it began after the first, how long it took (ms), and its name.

    Args:
        spans: Of one trace; one whose parent is not among them stands at the top.
    """
    ordered = sorted(spans, key=lambda span: (span["started_ns"], -span["ended_ns"]))
    known = {span["span_id"] for span in ordered}
    below: dict[str | None, list[Span]] = {}
    for span in ordered:
        parent = span["parent_id"] if span["parent_id"] in known else None
        below.setdefault(parent, []).append(span)
    yield f"{_HEAD}  ms"
    begin = ordered[0]["started_ns"] if ordered else 0
    # The next one last: a stack, for a trace may be deeper than calls may nest.
    waiting = [(span, "", "") for span in reversed(below.get(None, []))]
    while waiting:
        span, mark, indent = waiting.pop()
        yield f"{_ms(span['started_ns'] - begin)} {_ms(span['ended_ns'] - span['started_ns'])}  {mark}{_title(span)}"
        children = below.get(span["span_id"], [])
        for number in range(len(children) - 1, -1, -1):
            is_last = number == len(children) - 1
            own = "└─ " if is_last else "├─ "
            waiting.append((children[number], indent + own, indent + ("   " if is_last else "│  ")))


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / _NS_PER_MS:>10.1f}"


def _title(span: Span) -> str:
    # The status is what both ends call it: UNSET where nobody said anything, which is well.
    return f"{span['name']}  ✘ {span['error']}" if span.get("status") == "ERROR" else str(span["name"])
