"""The node spec: a node's pinned definition with addresses and files, as the Spark runtime reads it."""

from collections.abc import Mapping
from typing import Any

from landfall import addresses
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import Attempt
from landfall.runs.ids import RunID
from landfall.runs.pack_attempts import PackAttempt
from landfall.runs.pack_keeping import KEEP_EVERY_S, keeps_one_by_one
from landfall.runs.work import NodeWork


def build_node_spec(
    work: NodeWork,
    attempt: Attempt,
    *,
    account: str,
    trace: Mapping[str, str],
    result_path: str | None = None,
) -> dict[str, Any]:
    """Return the node spec of one attempt, after ``node_spec.schema.json`` of the Spark runtime.

    Args:
        attempt: What starting it needs.
        account: Storage account of the lake.
        trace: W3C trace context of the attempt, empty if it is not traced.
        result_path: Folder in `control` for the result; that of the attempt unless given.
    """
    product, definition = attempt.product, attempt.definition
    domain, name = product.split("/")
    output = definition["output"]
    return {
        "schema_version": 1,
        "run_id": work.run_id,
        "product": product,
        "node": work.key,
        "attempt": work.attempt,
        "kind": definition["kind"],
        "trace": dict(trace),
        "run_date": attempt.run_date.isoformat(),
        "inputs": _inputs(attempt, account),
        "steps": definition["steps"],
        "rules": definition["rules"],
        "output": {
            "name": output["dataset"],
            "uri": addresses.abfss_uri(
                account,
                addresses.LAKE,
                addresses.table_path(domain, name, output["layer"], output["dataset"]),
            ),
            "quarantine_uri": addresses.abfss_uri(
                account, addresses.LAKE, addresses.quarantine_path(domain, name, output["dataset"])
            ),
            "columns": output["columns"],
            "write": output["write"],
            "max_quarantined_share": output.get("max_quarantined_share"),
            "contracts": output.get("contracts", []),
            "discard_runs": list(attempt.discard_runs),
            "replaces": [
                {"run_id": run_id, "files": [_file_uri(account, url) for url in urls]}
                for run_id, urls in attempt.replaces.items()
            ],
        },
        "former_rows": list(attempt.former_rows),
        "load": attempt.load,
        "quarantine": definition.get("quarantine"),
        "result_uri": addresses.abfss_uri(
            account,
            addresses.CONTROL,
            result_path or addresses.result_path(domain, name, work.run_id, work.key, work.attempt),
        ),
    }


def build_pack_spec(
    run_id: RunID,
    pack: NodeKey,
    attempt: PackAttempt,
    *,
    account: str,
    traces: Mapping[NodeKey, Mapping[str, str]],
    refused: Mapping[NodeKey, tuple[str, str]],
) -> dict[str, Any]:
    """Return the spec of a pack, after ``pack_spec.schema.json`` of the Spark runtime.

    Args:
        traces: W3C trace context by node.
        refused: Code and message by node that cannot be executed, such as one whose files have gone.
    """
    domain, name = attempt.product.split("/")
    result_path = addresses.result_path(domain, name, run_id, pack, 1)
    one_by_one = keeps_one_by_one(one.number for one in attempt.attempts.values())
    return {
        "schema_version": 1,
        "run_id": run_id,
        "pack": pack,
        "fails_fast": attempt.fails_fast,
        "keep_every_s": 0.0 if one_by_one else KEEP_EVERY_S,
        "nodes": [
            {
                "after": list(attempt.after[key]),
                "refused": None
                if key not in refused
                else {"code": refused[key][0], "message": refused[key][1]},
                "spec": build_node_spec(
                    NodeWork(run_id, key, one.number),
                    one,
                    account=account,
                    trace=traces.get(key, {}),
                    result_path=result_path,
                ),
            }
            for key, one in attempt.attempts.items()
        ],
        "parts_uri": addresses.abfss_uri(
            account, addresses.CONTROL, addresses.pack_parts_path(domain, name, run_id, pack)
        ),
        "result_uri": addresses.abfss_uri(account, addresses.CONTROL, result_path),
    }


def _inputs(attempt: Attempt, account: str) -> list[dict[str, Any]]:
    definition = attempt.definition
    source = definition["source"]
    if source is not None:
        return [
            {
                "kind": "files",
                "name": definition["output"]["dataset"],
                "format": source["format"],
                "options": source["options"],
                # Plans pinned before there was a choice say nothing.
                "drift": source.get("drift", "quarantine"),
                "files": [
                    {
                        "uri": _file_uri(account, file.url),
                        "etag": file.etag,
                        "size_bytes": file.size_bytes,
                        "captured": dict(file.captured),
                    }
                    for file in attempt.files
                ],
                "columns": definition["columns"],
                "captured": source["captured"],
            }
        ]
    return [
        {
            "kind": "table",
            "name": item["name"],
            "uri": _table_uri(account, attempt.product, item),
            "version": attempt.versions[item["name"]],
        }
        for item in definition["inputs"]
    ]


def _file_uri(account: str, url: str) -> str:
    address = addresses.parse_blob_url(url)
    return addresses.abfss_uri(account, address.container, address.path)


def _table_uri(account: str, own_product: str, item: Mapping[str, Any]) -> str:
    domain, name = (item["product"] or own_product).split("/")
    return addresses.abfss_uri(
        account, addresses.LAKE, addresses.table_path(domain, name, item["layer"], item["dataset"])
    )
