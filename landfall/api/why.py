"""Why over HTTP: the findings on a dataset, run or file."""

from dataclasses import asdict
from datetime import datetime

from landfall.api.reply import Reply
from landfall.metadata.engine import Database
from landfall.runs.evidence import dataset_evidence, file_evidence
from landfall.runs.ids import RunID
from landfall.runs.run_evidence import run_evidence
from landfall.runs.why.explaining import explain
from landfall.runs.why.values import Evidence


def show_why_dataset(database: Database, product: str, dataset: str, *, now: datetime) -> Reply:
    """Answer ``GET /api/why/datasets/{domain}/{product}/{dataset}``."""
    evidence = database.read(lambda connection: dataset_evidence(connection, product, dataset, now=now))
    return _findings(evidence, now)


def show_why_run(database: Database, run_id: str, *, now: datetime) -> Reply:
    """Answer ``GET /api/why/runs/{id}``."""
    evidence = database.read(lambda connection: run_evidence(connection, RunID(run_id), now=now))
    return _findings(evidence, now)


def show_why_file(database: Database, file_id: str, *, now: datetime) -> Reply:
    """Answer ``GET /api/why/files/{id}``."""
    evidence = database.read(lambda connection: file_evidence(connection, file_id, now=now))
    return _findings(evidence, now)


def _findings(evidence: Evidence, now: datetime) -> Reply:
    return Reply(
        200,
        {
            "findings": [
                {**asdict(found), "since": found.since.isoformat() if found.since else None}
                for found in explain(evidence, now=now)
            ]
        },
    )
