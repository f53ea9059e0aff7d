"""The jobs' side of the no-op node; installed by ``tests.noop_node.install`` and run by the jobs server."""

import argparse
import fcntl
import json
import os
import sys
import time
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from landfall.addresses import BlobAddress, parse_abfss
from spark_runtime.errors import Failure, FaultKind
from spark_runtime.result import FileResult, FileStatus, NodeResult, NodeStatus, OutputResult
from spark_runtime.spec import FilesInput, NodeSpec, parse_node_spec

ROWS_PER_FILE = 1


class NodeFailed(RuntimeError):
    """The node failed, and its result says why."""


def run() -> None:
    """Read the node spec, note its files as rows of its table, and write its result."""
    started_at = time.time()
    parser = argparse.ArgumentParser()
    parser.add_argument("--spec-uri", required=True)
    spec_address = parse_abfss(parser.parse_args(sys.argv[1:]).spec_uri)
    service = BlobServiceClient(
        os.environ["LANDFALL_NOOP_BLOB_ENDPOINT"], credential=os.environ["LANDFALL_NOOP_STORAGE_KEY"]
    )
    spec = parse_node_spec(_blob(service, spec_address).download_blob().readall().decode())
    time.sleep(float(os.environ["LANDFALL_NOOP_TAKES_S"]))
    result = _work(spec, started_at)
    folder = parse_abfss(spec.result_uri)
    part = BlobAddress(folder.account, folder.container, f"{folder.path}/part-00000.txt")
    _blob(service, part).upload_blob(result.to_json().encode(), overwrite=True)
    if result.status is NodeStatus.FAILED:
        raise NodeFailed("LF4571 (data): told to fail")


def _work(spec: NodeSpec, started_at: float) -> NodeResult:
    if spec.node in _failing():
        error = Failure("LF4571", FaultKind.DATA, "told to fail")
        return NodeResult(spec, NodeStatus.FAILED, error=error)
    files = [file for item in spec.inputs if isinstance(item, FilesInput) for file in item.files]
    line = {
        "table": spec.output.uri,
        "run_id": spec.run_id,
        "node": spec.node,
        "attempt": spec.attempt,
        "started_at": started_at,
        "files": [(file.uri, file.etag) for file in files],
    }
    _append(json.dumps(line) + "\n")
    return NodeResult(
        spec,
        NodeStatus.SUCCEEDED,
        rows_read=len(files) * ROWS_PER_FILE,
        rows_published=len(files) * ROWS_PER_FILE,
        files=tuple(FileResult(file.uri, FileStatus.DONE) for file in files),
        output=OutputResult(spec.output.name, spec.output.uri, None, ()),
        timings_s={"total": time.time() - started_at},
    )


def _append(line: str) -> None:
    """Add a line in one piece: it stands for a commit, which is whole or not there."""
    with Path(os.environ["LANDFALL_NOOP_TABLES"]).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line)
        file.flush()


def _failing() -> set[str]:
    file = os.environ["LANDFALL_NOOP_FAILING"]
    return set(Path(file).read_text().split()) if file else set()


def _blob(service: BlobServiceClient, address: BlobAddress):  # type: ignore[no-untyped-def]
    return service.get_blob_client(address.container, address.path)
