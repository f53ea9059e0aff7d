"""The graphs of runs that pages were asked for lately: pinned, so read once."""

import threading
from collections import OrderedDict
from collections.abc import Mapping

from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.run_graph import ShapeNode, run_shape

# A node takes some 500 bytes.
_MOST_NODES = 100_000

Shape = Mapping[NodeKey, ShapeNode]


class Shapes:
    """Graphs by run, the latest ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, RunID], Shape] = OrderedDict()

    def of(self, database: Database, run_id: RunID) -> Shape:
        """Return the graph of a run."""
        key = (str(database.engine.url), run_id)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        shape = database.read(lambda connection: run_shape(connection, run_id))
        with self._lock:
            self._kept[key] = shape
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _MOST_NODES:
                self._kept.popitem(last=False)
        return shape


SHAPES = Shapes()
