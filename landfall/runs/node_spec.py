"""The node spec: a node's pinned definition with addresses and files, as the Spark runtime reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from landfall import addresses
from landfall.landing.ledger import ClaimedFile
from landfall.runs.work import NodeWork


def build_node_spec(
    work: NodeWork,
    *,
    product: str,
    account: str,
    definition: Mapping[str, Any],
    files: Sequence[ClaimedFile],
    trace: Mapping[str, str],
    former_rows: Sequence[int] = (),
) -> dict[str, Any]:
    """Return the node spec of one attempt, after ``node_spec.schema.json`` of the Spark runtime.

    Args:
        product: ``domain/product``.
        account: Storage account of the lake.
        definition: The node's definition from the pinned plan.
        files: What an ingest node takes in.
        trace: W3C trace context of the attempt, empty if it is not traced.
        former_rows: Rows that former runs of the node published, the newest first.
    """
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
        "inputs": _inputs(definition, product=product, account=account, files=files),
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
        },
        "former_rows": list(former_rows),
        "result_uri": addresses.abfss_uri(
            account,
            addresses.CONTROL,
            addresses.result_path(domain, name, work.run_id, work.key, work.attempt),
        ),
    }


def _inputs(
    definition: Mapping[str, Any], *, product: str, account: str, files: Sequence[ClaimedFile]
) -> list[dict[str, Any]]:
    source = definition["source"]
    if source is not None:
        return [
            {
                "kind": "files",
                "name": definition["output"]["dataset"],
                "format": source["format"],
                "options": source["options"],
                "files": [
                    {
                        "uri": _file_uri(account, file),
                        "etag": file.etag,
                        "size_bytes": file.size_bytes,
                        "captured": dict(file.captured),
                    }
                    for file in files
                ],
                "columns": definition["columns"],
                "captured": source["captured"],
            }
        ]
    return [
        {"kind": "table", "name": item["name"], "uri": _table_uri(account, product, item)}
        for item in definition["inputs"]
    ]


def _file_uri(account: str, file: ClaimedFile) -> str:
    address = addresses.parse_blob_url(file.url)
    return addresses.abfss_uri(account, address.container, address.path)


def _table_uri(account: str, own_product: str, item: Mapping[str, Any]) -> str:
    domain, name = (item["product"] or own_product).split("/")
    return addresses.abfss_uri(
        account, addresses.LAKE, addresses.table_path(domain, name, item["layer"], item["dataset"])
    )
