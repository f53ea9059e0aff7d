"""Why a landed file is as it is."""

from datetime import datetime

from landfall.runs.states import FileState
from landfall.runs.why.products import set_incomplete, waits
from landfall.runs.why.values import Cause, FileEvidence, Finding
from landfall.wording import counted


def explain_file(evidence: FileEvidence, now: datetime) -> Finding:
    file, product = evidence.file, evidence.product
    about = f"file {file.file_id} ({file.name})"
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
            return _done(about, evidence)
        case FileState.UNMATCHED:
            return _unmatched(about, evidence)
        case _:
            return rejected(about, evidence)


def _done(about: str, evidence: FileEvidence) -> Finding:
    file, intake = evidence.file, evidence.intake
    if file.run_id is None:
        return Finding(about, Cause.DONE, file.reason or "taken in", since=file.finished_at)
    says, do = f"run {file.run_id} took it in for {file.dataset}", None
    if intake is not None and intake.rows_read is not None:
        refused = intake.rows_quarantined or 0
        others = f" with {counted(intake.files - 1, 'other file')}" if intake.files > 1 else ""
        says += f"{others}: {counted(intake.rows_read, 'row')} read, {refused:,} refused"
        if refused and file.product is not None:
            do = f"`{file.refused_rows_command}` shows what was refused of it"
    return Finding(about, Cause.DONE, says, do, file.finished_at)


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
