"""The JSON that the host hands to a function's Durable client parameter."""

import json

WEBHOOK_PATH = "/runtime/webhooks/durabletask"
RPC_PATH = "/durabletask/"


def instance_links(base: str, instance_id: str, suffix: str, *, rewind: bool) -> dict[str, str]:
    """Return the management links of an instance.

    Args:
        base: Address of the management API.
        instance_id: The instance, percent-encoded by the caller if it needs to be.
        suffix: Query that every link carries (hub, connection, key).
        rewind: Whether to include ``rewindPostUri``.
    """
    at = f"{base}/instances/{instance_id}"
    links = {
        "id": instance_id,
        "statusQueryGetUri": f"{at}?{suffix}",
        "sendEventPostUri": f"{at}/raiseEvent/{{eventName}}?{suffix}",
        "terminatePostUri": f"{at}/terminate?reason={{text}}&{suffix}",
        "rewindPostUri": f"{at}/rewind?reason={{text}}&{suffix}",
        "purgeHistoryDeleteUri": f"{at}?{suffix}",
        "restartPostUri": f"{at}/restart?{suffix}",
        "suspendPostUri": f"{at}/suspend?reason={{text}}&{suffix}",
        "resumePostUri": f"{at}/resume?reason={{text}}&{suffix}",
    }
    if not rewind:
        del links["rewindPostUri"]
    return links


def link_suffix(task_hub: str, connection: str, key: str) -> str:
    """Return the query that management links carry; without key checks the key is left out."""
    return f"taskHub={task_hub}&connection={connection}" + (f"&code={key}" if key else "")


def rpc_base(origin: str, secret: str) -> str:
    """Return the address that the SDK's client calls; ``secret`` is a path segment of it, empty for none."""
    # The SDK appends paths to it as text, so the slash at its end matters.
    return f"{origin}{RPC_PATH}{secret}/" if secret else f"{origin}{RPC_PATH}"


def client_json(origin: str, rpc: str, task_hub: str, key: str, connection: str | None = None) -> str:
    """Return the text for a client parameter.

    Args:
        origin: Scheme and authority of this host, for example ``http://127.0.0.1:7071``.
        rpc: Address for the SDK's own calls.
        task_hub: Name of the hub.
        key: System key of the Durable extension, empty if keys are not checked.
        connection: Connection name on the binding.
    """
    base = origin + WEBHOOK_PATH
    code = f"code={key}" if key else ""
    create = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]"
    wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
    return json.dumps(
        {
            "taskHubName": task_hub,
            "connectionName": connection,
            "creationUrls": {
                "createNewInstancePostUri": f"{create}?{code}",
                "createAndWaitOnNewInstancePostUri": f"{create}?{wait}" + (f"&{code}" if code else ""),
            },
            "managementUrls": instance_links(
                base, "INSTANCEID", link_suffix(task_hub, connection or "Storage", key), rewind=True
            ),
            "baseUrl": base,
            "requiredQueryStringParameters": code,
            "rpcBaseUrl": rpc,
            "httpBaseUrl": None,
        }
    )
