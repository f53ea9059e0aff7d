"""The plan of a rerun: the part of a former plan that is executed again, on top of what succeeded."""

from collections.abc import Collection
from dataclasses import replace

from landfall.planning.plan import NodeKey, Plan


def with_descendants(plan: Plan, roots: Collection[NodeKey]) -> frozenset[NodeKey]:
    """Return those of ``roots`` that are in the plan, and every node that waits for one of them."""
    found: set[NodeKey] = set()
    for node in plan.nodes:
        if node.key in roots or found.intersection(node.depends_on):
            found.add(node.key)
    return frozenset(found)


def rerun_plan(base: Plan, *, chosen: Collection[NodeKey], available: Collection[str]) -> Plan:
    """Return the part of ``base`` that a rerun executes.

    A node runs on what the rerun builds and, for the rest, on tables that have what the former run was to
    bring. One whose input lacks that is left out with the reason: it would publish the state of before.

    Args:
        base: The former plan, or one of the newest metadata.
        chosen: Nodes to execute again.
        available: Datasets whose tables can be built upon as they are, as ``str(DatasetRef)``.
    """
    outputs = {node.key: node.output for node in base.nodes}
    built: set[str] = set()
    kept: dict[NodeKey, tuple[NodeKey, ...]] = {}
    left_out = {key: reason for key, reason in base.left_out.items() if key in chosen}
    for node in base.nodes:
        if node.key not in chosen:
            continue
        needed = dict.fromkeys([*node.inputs, *(outputs[key] for key in node.depends_on)])
        missing = [name for name in needed if name not in built and name not in available]
        if missing:
            left_out[node.key] = (
                f"needs {', '.join(missing)}, which the former run did not build and no run has built since"
            )
            continue
        kept[node.key] = tuple(key for key in node.depends_on if key in kept)
        built.add(node.output)
    return replace(
        base,
        nodes=tuple(replace(node, depends_on=kept[node.key]) for node in base.nodes if node.key in kept),
        left_out=left_out,
    )
