"""Record the histories of orchestration instances from a laptop stack's task hub.

``python -m tests.replay.record TASKHUB.sqlite INSTANCE NAME`` writes ``histories/NAME.json``. A recorded history
stays as it is: it stands for the runs that are in flight while a new version is deployed.
"""

import json
import sqlite3
import sys
from pathlib import Path

HISTORIES = Path(__file__).parent / "histories"


def record(taskhub: Path, instance_id: str, name: str) -> None:
    """Write the history of one instance, its rows and the fingerprints of its decisions, in order."""
    connection = sqlite3.connect(f"file:{taskhub}?mode=ro", uri=True)
    orchestrator, stored_input = connection.execute(
        "select name, input from instances where id = ?", (instance_id,)
    ).fetchone()
    rows = connection.execute(
        "select event, fingerprint from history where instance_id = ? order by seq", (instance_id,)
    ).fetchall()
    connection.close()
    recorded = {
        "orchestrator": orchestrator,
        "instance_id": instance_id,
        "input": stored_input,
        "rows": [{"event": json.loads(event), "fingerprint": mark} for event, mark in rows],
    }
    (HISTORIES / f"{name}.json").write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    record(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
