"""Why a landed file is as it is."""

from datetime import datetime

from landfall.runs.states import FileState
from landfall.runs.why.products import set_incomplete, waits
from landfall.runs.why.values import Cause, FileEvidence, Finding


def explain_file(evidence: FileEvidence, now: datetime) -> Finding:
    file, product = evidence.file, evidence.product
    about = f"file {file.file_id} ({file.url.rpartition('/')[2]})"
    match file.state:
        case FileState.PENDING if product is not None:
            return waits(about, product, file.landed_at, now)
        case FileState.WAITING if evidence.open_set is not None:
            return set_incomplete(about, evidence.open_set, now)
        case FileState.CLAIMED:
            return Finding(
                about,
                Cause.CLAIMED,
                f"run {file.run_id} takes it in for {file.dataset}",
                f"`landfall runs watch {file.run_id}` follows it, `landfall why {file.run_id}` says where it is",
            )
        case FileState.DONE:
            return Finding(
                about,
                Cause.DONE,
                f"run {file.run_id} took it in for {file.dataset}"
                if file.run_id
                else file.reason or "taken in",
                since=file.finished_at,
            )
        case FileState.UNMATCHED:
            return _unmatched(about, evidence)
        case _:
            return rejected(about, evidence)


def rejected(about: str, evidence: FileEvidence) -> Finding:
    file = evidence.file
    reason = file.reason or "no reason was kept"
    if evidence.newer is not None:
        return Finding(
            about,
            Cause.REPLACED,
            f"{reason}; its path holds a newer version, file {evidence.newer}",
            f"`landfall why {evidence.newer}`",
            file.finished_at,
        )
    if file.size_bytes == 0:
        return Finding(about, Cause.EMPTY, reason, "land it again with its content", file.finished_at)
    again = f"`landfall files replay {file.file_id}`"
    if file.run_id is not None:
        again = f"`landfall runs rerun {file.run_id} --from-failed` or {again}"
    return Finding(about, Cause.REJECTED, reason, f"put the cause right, then {again}", file.finished_at)


def _unmatched(about: str, evidence: FileEvidence) -> Finding:
    replay = f"`landfall files replay {evidence.file.file_id}`"
    reason = evidence.file.reason or "no dataset expected it when it landed"
    if evidence.expected_by is not None:
        return Finding(
            about,
            Cause.UNMATCHED,
            f"{reason}; by now {evidence.expected_by} expects it",
            replay,
            evidence.file.landed_at,
        )
    return Finding(
        about,
        Cause.UNMATCHED,
        reason,
        f"declare a dataset whose landing path it meets, `landfall apply`, then {replay}; or land it elsewhere",
        evidence.file.landed_at,
    )
