"""Why a dataset is not newer than it is, or not there at all."""

from collections.abc import Iterable
from datetime import datetime

from landfall.runs.states import NodeState
from landfall.runs.why.files import rejected
from landfall.runs.why.products import scheduled, set_incomplete, waits
from landfall.runs.why.runs import explain_node, left_out
from landfall.runs.why.values import MOST_NAMES, Cause, DatasetEvidence, FileEvidence, Finding, some
from landfall.wording import counted


def explain_dataset(evidence: DatasetEvidence, now: datetime) -> Iterable[Finding]:
    found = list(_obstacles(evidence, now))
    published = evidence.published
    if published is not None:
        version = published.metadata_version
        if version is not None and version < evidence.version:
            found.append(
                Finding(
                    evidence.full_name,
                    Cause.METADATA_CHANGED,
                    f"built on version {version} of the metadata; version {evidence.version} is applied",
                    f"`landfall run {evidence.product.key} --full` builds it anew, if the change matters to it",
                )
            )
        found.append(
            Finding(
                evidence.full_name, Cause.DONE, f"published by run {published.run_id}", since=published.at
            )
        )
    elif not found:
        found.append(
            Finding(
                evidence.full_name,
                Cause.NEVER_BUILT,
                "never built: nothing upstream of it has changed since it was applied",
                f"`landfall run {evidence.product.key} --full`",
            )
        )
    found += scheduled(evidence.product, now)
    return found


def _obstacles(evidence: DatasetEvidence, now: datetime) -> Iterable[Finding]:
    """Return what keeps a dataset from being newer than it is, or from being there at all."""
    for waiting in evidence.waiting:
        about = f"{counted(waiting.count, 'file')} for {waiting.dataset}"
        yield waits(about, evidence.product, waiting.since, now)
    if evidence.asked is not None:
        asked = evidence.asked
        about = f"{counted(asked.count, 'run')} of {evidence.product.key}, the first asked for by {asked.by}"
        yield waits(about, evidence.product, asked.since, now, settles=False)
    for found in evidence.open_sets:
        yield set_incomplete(found.dataset, found, now)
    pause = evidence.product.lease.pause
    if pause is not None and not evidence.waiting and evidence.asked is None:
        why = f": {pause.reason}" if pause.reason else ""
        yield Finding(
            evidence.product.key,
            Cause.PAUSED,
            f"paused by {pause.by}{why}; no new run is opened",
            f"`landfall resume {evidence.product.key}`",
            pause.since,
        )
    if evidence.left_out is not None and evidence.node is not None:
        yield left_out(evidence.node, *evidence.left_out)
    if evidence.last is not None:
        node = next(node for node in evidence.last.detail.nodes if node.key == evidence.node)
        if node.state is not NodeState.SUCCEEDED:
            yield explain_node(node, evidence.last, now)
    if evidence.rejected is not None:
        yield rejected(
            f"file {evidence.rejected.file_id} ({evidence.rejected.url.rpartition('/')[2]})",
            FileEvidence(evidence.rejected, evidence.product, evidence.name, newer=None),
        )
    if evidence.landing is not None and not evidence.landed:
        yield _never_landed(evidence)
    if evidence.missing and evidence.left_out is None:
        yield Finding(
            evidence.full_name,
            Cause.NEVER_BUILT,
            f"cannot be built: {some(evidence.missing)} {'was' if len(evidence.missing) == 1 else 'were'} "
            "never published",
            "; ".join(f"`landfall why {_asked(name, evidence)}`" for name in evidence.missing[:MOST_NAMES]),
        )


def _never_landed(evidence: DatasetEvidence) -> Finding:
    folder = f"landing/{evidence.product.key}/{evidence.landing}"
    strays = ""
    if evidence.unmatched:
        strays = (
            f"; unmatched in the product's folder: {counted(evidence.unmatched, 'file')} "
            f"(`landfall files list --product {evidence.product.key} --state unmatched`)"
        )
    return Finding(
        evidence.full_name,
        Cause.NEVER_LANDED,
        f"no file has landed for it; it expects {folder}{strays}",
        f"`landfall land {evidence.product.key} {evidence.name} FILE`, or see that the source delivers there",
    )


def _asked(name: str, evidence: DatasetEvidence) -> str:
    """Return a dataset as `landfall why` takes it: an own one with its product, a port without its version."""
    return name.rpartition("@")[0] if "@" in name else f"{evidence.product.key}.{name}"
