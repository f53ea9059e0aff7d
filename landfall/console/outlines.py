"""The graphs of runs that pages were asked for lately, in bands: pinned, so read once."""

import threading
from collections import OrderedDict

from landfall.metadata.engine import Database
from landfall.runs.ids import RunID
from landfall.runs.run_graph import Outline, run_outline

# One has some dozens of bands and some hundred edges.
_MOST_KEPT = 256


class Outlines:
    """Graphs by run, the latest ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, RunID], Outline] = OrderedDict()

    def of(self, database: Database, run_id: RunID) -> Outline:
        """Return the graph of a run."""
        key = (str(database.engine.url), run_id)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        outline = database.read(lambda connection: run_outline(connection, run_id))
        with self._lock:
            self._kept[key] = outline
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return outline


OUTLINES = Outlines()
