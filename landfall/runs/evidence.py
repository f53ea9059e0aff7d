"""The evidence for ``why``: what SQL says of one dataset, run or file, and what people may call it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.addresses import NotABlobAddress, parse_blob_url
from landfall.errors import LandfallError
from landfall.landing.ledger import newer_versions
from landfall.landing.matching import match_dataset, product_of
from landfall.landing.queries import LandedFile, UnknownFile, get_file
from landfall.landing.sets import LandingSet, count_waiting, missing_of, open_sets, set_of_file
from landfall.metadata.catalog import (
    CurrentProduct,
    find_current_product,
    find_dataset,
    get_current_product,
)
from landfall.metadata.tables import (
    landed_files,
    left_out_nodes,
    node_runs,
    published_data_sets,
    runs,
)
from landfall.planning.graph import Graph, GraphNode, build_graph
from landfall.planning.plan import NodeKey, NodeKind
from landfall.runs.closing import UnknownRun
from landfall.runs.file_history import histories
from landfall.runs.ids import RunID
from landfall.runs.product_evidence import product_evidence, waiting_requests
from landfall.runs.published import foreign_ports, published_datasets
from landfall.runs.queries import LAST, resolve_run_id
from landfall.runs.run_evidence import run_evidence
from landfall.runs.states import FileState
from landfall.runs.why.values import (
    DatasetEvidence,
    Evidence,
    FileEvidence,
    OpenSet,
    Publication,
    WaitingFiles,
)

# Runs since the last one with a node, among which the reason for leaving it out is looked for.
_MOST_RUNS = 20


class UnknownSubject(LandfallError):
    """A text that is the name of no dataset, run or file."""

    code = "LF3211"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is no dataset, run or landed file. `landfall runs list` and `landfall files list` show "
            "runs and files, `landfall plan PRODUCT` the datasets of a product."
        )
        self.text = text


def find_evidence(connection: sa.Connection, text: str, *, now: datetime) -> Evidence:
    """Return the evidence on what ``text`` names.

    Args:
        text: ``domain/product.dataset``, or ``dataset`` where one product has it; a run id, its first
            characters or ``@last``; a file's id or the end of its address.

    Raises:
        UnknownSubject: It names nothing.
        AmbiguousDataset: It is a dataset of several products.
        AmbiguousRun: It is the beginning of several run ids.
    """
    found = find_dataset(connection, text)
    if found is not None:
        product, dataset = found
        return dataset_evidence(connection, product.key, dataset.name, now=now)
    try:
        return file_evidence(connection, text, now=now)
    except UnknownFile:
        pass
    try:
        # Every text starts with nothing: only what can be the beginning of a run id is looked up.
        if text == LAST or text[:1].isdigit():
            return run_evidence(connection, resolve_run_id(connection, text), now=now)
    except UnknownRun:
        pass
    raise UnknownSubject(text)


def file_evidence(connection: sa.Connection, text: str, *, now: datetime) -> FileEvidence:
    """Return the evidence on a file: the newest version where ``text`` is an address.

    Raises:
        UnknownFile: There is none.
    """
    file = get_file(connection, text)[0]
    row = connection.execute(sa.select(landed_files).where(landed_files.c.LandedFileID == file.file_id)).one()
    placed = _place(file.url)
    current = find_current_product(connection, placed[0]) if placed else None
    expected = match_dataset(current.product, placed[1]) if placed and current else None
    return FileEvidence(
        file=file,
        product=product_evidence(connection, current, now) if current else None,
        expected_by=expected.name if expected else None,
        newer=newer_versions(connection, [row]).get(file.file_id),
        open_set=_set_of(connection, current, row) if current else None,
        intake=histories(connection, [file])[0].taken_in,
    )


def dataset_evidence(connection: sa.Connection, product: str, name: str, *, now: datetime) -> DatasetEvidence:
    """Return the evidence on a dataset of ``domain/product``.

    Raises:
        UnknownProduct: The product was never applied.
        UnknownSubject: It has no such dataset.
    """
    current = get_current_product(connection, product)
    dataset = next((item for item in current.product.datasets if item.name == name), None)
    if dataset is None:
        raise UnknownSubject(f"{product}.{name}")
    graph = build_graph(current.product)
    node = next((item for item in graph.nodes if item.output == name), None)
    available = {*published_datasets(connection, current.product_id), *foreign_ports(connection, current)}
    last = _last_run(connection, current.product_id, node.key) if node else None
    files = _newest_file(connection, current.product_id, name) if dataset.landing is not None else None
    return DatasetEvidence(
        product=product_evidence(connection, current, now),
        name=name,
        node=node.key if node else None,
        landing=dataset.landing,
        version=current.version,
        published=_publication(connection, current.product_id, name),
        missing=tuple(str(ref) for ref in node.inputs if str(ref) not in available) if node else (),
        waiting=_waiting(connection, current.product_id, _landed_upstream(graph, node)),
        asked=waiting_requests(connection, current.product_id),
        open_sets=_open_sets(connection, current, _landed_upstream(graph, node)),
        rejected=files if files is not None and files.state is FileState.REJECTED else None,
        landed=files is not None,
        unmatched=_unmatched(connection, product, current.product_id) if files is None else 0,
        last=run_evidence(connection, last, now=now) if last else None,
        left_out=_left_out(connection, current.product_id, node.key, after=last) if node else None,
    )


def _set_of(connection: sa.Connection, current: CurrentProduct, file: sa.Row[Any]) -> OpenSet | None:
    """Return the set that a file waits in."""
    if file.State != FileState.WAITING:
        return None
    set_id = set_of_file(connection, file.LandedFileID)
    for landing_set in open_sets(connection, current.product_id, file.DataSetName):
        if landing_set.set_id == set_id:
            return _open_set(connection, current, landing_set)
    return None


def _open_sets(
    connection: sa.Connection, current: CurrentProduct, datasets: Iterable[str]
) -> tuple[OpenSet, ...]:
    names = set(datasets)
    found = open_sets(connection, current.product_id)
    return tuple(_open_set(connection, current, item) for item in found if item.dataset in names)


def _open_set(connection: sa.Connection, current: CurrentProduct, landing_set: LandingSet) -> OpenSet:
    dataset = next((item for item in current.product.datasets if item.name == landing_set.dataset), None)
    missing = missing_of(connection, dataset, landing_set) if dataset is not None else None
    return OpenSet(
        dataset=landing_set.dataset,
        key=landing_set.key,
        missing=missing,
        files=count_waiting(connection, landing_set.set_id),
        opened_at=landing_set.opened_at,
        deadline_at=landing_set.deadline_at,
    )


def _place(url: str) -> tuple[str, str] | None:
    try:
        return product_of(parse_blob_url(url).path)
    except NotABlobAddress:
        return None


def _publication(connection: sa.Connection, product_id: int, name: str) -> Publication | None:
    row = connection.execute(
        sa.select(published_data_sets.c.PublishedAt, published_data_sets.c.RunID, runs.c.MetadataVersion)
        .select_from(published_data_sets.outerjoin(runs, runs.c.RunID == published_data_sets.c.RunID))
        .where(published_data_sets.c.DataProductID == product_id, published_data_sets.c.DataSetName == name)
    ).one_or_none()
    return Publication(row.PublishedAt, row.RunID, row.MetadataVersion) if row else None


def _landed_upstream(graph: Graph, node: GraphNode | None) -> tuple[str, ...]:
    """Return the landed datasets whose files reach a node, its own included."""
    if node is None:
        return ()
    wanted = {node.key}
    landed = []
    for candidate in reversed(graph.nodes):
        if candidate.key in wanted:
            wanted.update(candidate.reads_from)
            if candidate.kind is NodeKind.INGEST:
                landed.append(str(candidate.output))
    return tuple(sorted(landed))


def _waiting(connection: sa.Connection, product_id: int, datasets: Iterable[str]) -> tuple[WaitingFiles, ...]:
    rows = connection.execute(
        sa.select(
            landed_files.c.DataSetName,
            sa.func.count().label("Files"),
            sa.func.min(landed_files.c.LandedAt).label("Oldest"),
        )
        .where(landed_files.c.DataProductID == product_id, landed_files.c.State == FileState.PENDING)
        .group_by(landed_files.c.DataSetName)
        .order_by(landed_files.c.DataSetName)
    )
    wanted = set(datasets)
    return tuple(
        WaitingFiles(row.DataSetName, row.Files, row.Oldest) for row in rows if row.DataSetName in wanted
    )


def _newest_file(connection: sa.Connection, product_id: int, dataset: str) -> LandedFile | None:
    file_id: int | None = connection.execute(
        sa.select(sa.func.max(landed_files.c.LandedFileID)).where(
            landed_files.c.DataProductID == product_id, landed_files.c.DataSetName == dataset
        )
    ).scalar_one()
    return get_file(connection, str(file_id))[0] if file_id is not None else None


def _unmatched(connection: sa.Connection, product: str, product_id: int) -> int:
    count: int = connection.execute(
        sa.select(sa.func.count()).where(
            landed_files.c.State == FileState.UNMATCHED,
            sa.or_(
                landed_files.c.DataProductID == product_id,
                landed_files.c.Url.contains(f"/landing/{product}/", autoescape=True),
            ),
        )
    ).scalar_one()
    return count


def _last_run(connection: sa.Connection, product_id: int, key: NodeKey) -> RunID | None:
    run_id: str | None = connection.execute(
        sa.select(runs.c.RunID)
        .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
        .where(runs.c.DataProductID == product_id, node_runs.c.NodeKey == key)
        .order_by(runs.c.CreatedAt.desc(), runs.c.RunID.desc())
        .limit(1)
    ).scalar_one_or_none()
    return RunID(run_id) if run_id else None


def _left_out(
    connection: sa.Connection, product_id: int, key: NodeKey, *, after: RunID | None
) -> tuple[RunID, str] | None:
    """Return the newest run, later than ``after``, that left a node out, with the reason."""
    in_run = (left_out_nodes.c.RunID == runs.c.RunID) & (left_out_nodes.c.NodeKey == key)
    rows = connection.execute(
        sa.select(runs.c.RunID, left_out_nodes.c.Reason)
        .select_from(runs.outerjoin(left_out_nodes, in_run))
        .where(runs.c.DataProductID == product_id)
        .order_by(runs.c.CreatedAt.desc(), runs.c.RunID.desc())
        .limit(_MOST_RUNS)
    )
    for row in rows:
        if row.RunID == after:
            return None
        if row.Reason is not None:
            return RunID(row.RunID), row.Reason
    return None
