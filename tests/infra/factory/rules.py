"""Rules on the JSON of a Data Factory that its models do not know: references, parameters, scopes, secrets."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_REFERENCES: Final = {
    "PipelineReference": "pipeline",
    "DatasetReference": "dataset",
    "LinkedServiceReference": "linkedService",
    "IntegrationRuntimeReference": "integrationRuntime",
    "ManagedVirtualNetworkReference": "managedVirtualNetwork",
}
_CHILDREN: Final = ("activities", "ifTrueActivities", "ifFalseActivities", "defaultActivities")
_LOOPS: Final = ("ForEach", "Until")
_WITHOUT_POLICY: Final = (
    *("SetVariable", "AppendVariable", "IfCondition", "Switch", "ForEach", "Until", "Filter", "Fail", "Wait"),
    "ExecutePipeline",
    "WebHook",
)
_SECRET: Final = re.compile(
    r"(?i)password=|accountkey|sharedaccesskey|sig=|\"(functionKey|sasUri|accountKey)\"|SecureString"
)
_ACTIVITY: Final = re.compile(r"activity\('([^']+)'\)")
_PARAMETER: Final = re.compile(r"pipeline\(\)\.parameters\.(\w+)")
_VARIABLE: Final = re.compile(r"variables\('(\w+)'\)")
_ADDRESS: Final = re.compile(r"https?://|/subscriptions/")
# Those that publishing replaces for each environment.
_OF_ENVIRONMENT: Final = {"linkedService/ls_lake.json", "linkedService/ls_key_vault.json"}
_WITHOUT_RUNTIME: Final = ("AzureKeyVault",)

Objects = Mapping[str, Mapping[str, Any]]


def faults_of_rules(folder: Path) -> Iterator[str]:
    objects = {
        f"{path.parent.name}/{path.name}": json.loads(path.read_text())
        for path in sorted(folder.glob("*/*.json"))
    }
    for place, written in objects.items():
        properties = written["properties"]
        yield from (f"{place}: {fault}" for fault in _references(properties, objects))
        yield from (f"{place}: {fault}" for fault in _secrets(place, written))
        is_service = place.startswith("linkedService/") and properties["type"] not in _WITHOUT_RUNTIME
        if is_service and "connectVia" not in properties:
            yield f"{place}: connectVia is missing, so it leaves the managed network"
        if place.startswith("trigger/") and properties.get("runtimeState") != "Stopped":
            yield f"{place}: runtimeState must be Stopped in Git; publishing starts triggers"
        if place.startswith("pipeline/"):
            yield from (f"{place}: {fault}" for fault in _pipeline(properties))


def _references(value: Any, objects: Objects) -> Iterator[str]:
    for item in _nested(value):
        kind = _REFERENCES.get(str(item.get("type")))
        if kind is None or "referenceName" not in item:
            continue
        target = objects.get(f"{kind}/{item['referenceName']}.json")
        if target is None:
            yield f"there is no {kind} '{item['referenceName']}'"
            continue
        declared = target["properties"].get("parameters", {})
        given = item.get("parameters", {})
        for name in sorted(given.keys() - declared.keys()):
            yield f"{kind} '{item['referenceName']}' has no parameter '{name}'"
        # The parameters of a pipeline stand beside its reference, and those with a default may be left out.
        if kind in ("dataset", "linkedService"):
            for name in sorted(declared.keys() - given.keys()):
                yield f"{kind} '{item['referenceName']}' is not given '{name}'"


def _secrets(place: str, written: Mapping[str, Any]) -> Iterator[str]:
    text = json.dumps(written)
    if _SECRET.search(text):
        yield "a secret, or a place for one, stands in it; name a secret of the vault"
    if _ADDRESS.search(text) and place not in _OF_ENVIRONMENT and "BlobEventsTrigger" not in text:
        yield "an address of one environment stands in it; take a global parameter"


def _pipeline(properties: Mapping[str, Any]) -> Iterator[str]:
    activities = properties["activities"]
    names = [activity["name"] for activity in _all(activities)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two activities are called '{name}'"
    if len(names) > 40:
        yield f"{len(names)} activities; a pipeline should stay below 40"
    yield from _scope(activities, (), in_loop=False)
    text = json.dumps(properties["activities"])
    for name in sorted(set(_PARAMETER.findall(text)) - set(properties.get("parameters", {}))):
        yield f"there is no parameter '{name}'"
    for name in sorted(set(_VARIABLE.findall(text)) - set(properties.get("variables", {}))):
        yield f"there is no variable '{name}'"


def _scope(
    activities: Sequence[Mapping[str, Any]], outer: tuple[str, ...], *, in_loop: bool
) -> Iterator[str]:
    """Yield the faults of activities that stand side by side; ``outer`` have run before all of them."""
    siblings = {activity["name"]: activity for activity in activities}
    for name, activity in siblings.items():
        kind, inner = activity["type"], activity["typeProperties"]
        for dependency in activity.get("dependsOn", []):
            if dependency["activity"] not in siblings:
                yield f"'{name}' depends on '{dependency['activity']}', which is not beside it"
        before = {*outer, *_ancestors(name, siblings)}
        own = {key: value for key, value in inner.items() if key not in (*_CHILDREN, "cases")}
        for mentioned in sorted(
            set(_ACTIVITY.findall(json.dumps({**activity, "typeProperties": own}))) - before
        ):
            yield f"'{name}' reads '{mentioned}', which need not have run before it"
        if kind in _LOOPS and in_loop:
            yield f"'{name}' is a loop within a loop"
        if kind == "ForEach" and not 1 <= inner.get("batchCount", 0) <= 50:
            yield f"'{name}' needs a batchCount from 1 to 50"
        if kind == "ForEach" and "isSequential" not in inner:
            yield f"'{name}' does not say whether it is sequential"
        if kind not in _WITHOUT_POLICY and "timeout" not in activity.get("policy", {}):
            yield f"'{name}' has no timeout"
        if kind == "WebHook" and not (inner.get("reportStatusOnCallBack") is True and "timeout" in inner):
            # Without the one a failed run is a success, without the other it waits ten minutes.
            yield f"'{name}' needs reportStatusOnCallBack and a timeout"
        for children in _children(inner):
            yield from _scope(children, tuple(before), in_loop=in_loop or kind in _LOOPS)


def _ancestors(name: str, siblings: Mapping[str, Mapping[str, Any]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for dependency in siblings.get(waiting.pop(), {}).get("dependsOn", []):
            if dependency["activity"] not in found:
                found.add(dependency["activity"])
                waiting.append(dependency["activity"])
    return found


def _children(inner: Mapping[str, Any]) -> Iterator[Sequence[Mapping[str, Any]]]:
    yield from (inner[key] for key in _CHILDREN if key in inner)
    yield from (case["activities"] for case in inner.get("cases", []))


def _all(activities: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for activity in activities:
        yield activity
        for children in _children(activity["typeProperties"]):
            yield from _all(children)


def _nested(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _nested(item)
