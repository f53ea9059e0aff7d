"""Findings from evidence, whatever it is about."""

from datetime import datetime

from landfall.runs.why.datasets import explain_dataset
from landfall.runs.why.files import explain_file
from landfall.runs.why.runs import explain_run
from landfall.runs.why.values import DatasetEvidence, Evidence, FileEvidence, Finding, RunEvidence


def explain(evidence: Evidence, *, now: datetime) -> tuple[Finding, ...]:
    """Return what the evidence says, the cause that is nearest to the question first; at least one finding."""
    match evidence:
        case FileEvidence():
            return (explain_file(evidence, now),)
        case RunEvidence():
            return tuple(explain_run(evidence, now))
        case DatasetEvidence():
            return tuple(explain_dataset(evidence, now))
