"""The jobs' side of the no-op node; installed by ``tests.noop_node.install`` and run by the jobs server."""

import argparse
import fcntl
import http.client
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

from landfall.addresses import BlobAddress, parse_abfss
from spark_runtime.errors import FaultKind
from spark_runtime.failures import Failure
from spark_runtime.input_spec import FilesInput
from spark_runtime.pack import parse_pack_spec, run_pack
from spark_runtime.result import FileResult, FileStatus, NodeResult, NodeStatus, OutputResult
from spark_runtime.spec import NodeSpec, parse_node_spec

ROWS_PER_FILE = 1
# A request that storage does not answer well is made again, as the SDKs do.
_TRIES = 8
_PAUSE_S = 0.5
_TIMEOUT_S = 60


class NodeFailed(RuntimeError):
    """The node failed, and its result says why."""


class Storage:
    """The Blob service over one plain connection: the Azure SDK costs more than all else that a node does."""

    def __init__(self, endpoint: str, signature: str) -> None:
        """Take the endpoint ``http://HOST:PORT/ACCOUNT`` and the query of a shared access signature."""
        address = urlsplit(endpoint)
        self._account = address.path
        self._signature = signature
        self._connection = http.client.HTTPConnection(address.netloc, timeout=_TIMEOUT_S)

    def request(self, method: str, blob: BlobAddress, body: bytes | None = None) -> bytes:
        """Return the body of the answer.

        Raises:
            OSError: Storage has no good answer, however often it is asked.
        """
        path = f"{self._account}/{blob.container}/{quote(blob.path)}?{self._signature}"
        headers = {} if body is None else {"x-ms-blob-type": "BlockBlob"}
        said = ""
        for _ in range(_TRIES):
            try:
                self._connection.request(method, path, body, headers)
                answer = self._connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                said = repr(error)
                self._connection.close()
            else:
                if answer.status in {200, 201}:
                    return content
                said = f"{answer.status}: {content[:500]!r}"
            time.sleep(_PAUSE_S)
        raise OSError(f"{method} {blob.path}: {said}")


def run() -> None:
    """Read the node spec, note its files as rows of its table, and write its result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--spec-uri", required=True)
    spec_address = parse_abfss(parser.parse_args(sys.argv[1:]).spec_uri)
    storage = Storage(os.environ["LANDFALL_NOOP_BLOB_ENDPOINT"], os.environ["LANDFALL_NOOP_SIGNATURE"])
    document = json.loads(storage.request("GET", spec_address))

    def write(uri: str, text: str) -> None:
        folder = parse_abfss(uri)
        part = BlobAddress(folder.account, folder.container, f"{folder.path}/part-00000.txt")
        storage.request("PUT", part, text.encode())

    def work(spec: NodeSpec) -> NodeResult:
        time.sleep(float(os.environ["LANDFALL_NOOP_TAKES_S"]))
        return _work(spec, time.time())

    if "pack" in document:
        results = [item.result for item in run_pack(parse_pack_spec(document), work, write)]
    else:
        results = [work(parse_node_spec(json.dumps(document)))]
        write(results[0].spec.result_uri, results[0].to_json())
    if any(result.status is NodeStatus.FAILED for result in results):
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
