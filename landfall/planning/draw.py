"""A plan as a picture: a tree in plain text, or a Mermaid flowchart for a page or a pull request."""

from collections.abc import Iterator

from landfall.planning.plan import NodeKey, NodeKind, Plan, PlanNode


def to_mermaid(plan: Plan) -> str:
    """Return the plan as a Mermaid flowchart; nodes that are left out are dashed."""
    ids = {node.key: f"n{number}" for number, node in enumerate(plan.nodes)}
    lines = ["flowchart LR"]
    for node in plan.nodes:
        label = _escaped(node.key)
        # Ingest nodes are drawn as stores: data enters there.
        shape = f'[("{label}")]' if node.kind is NodeKind.INGEST else f'["{label}"]'
        lines.append(f"  {ids[node.key]}{shape}")
    lines += [
        f"  {ids[predecessor]} --> {ids[node.key]}" for node in plan.nodes for predecessor in node.depends_on
    ]
    for number, key in enumerate(plan.left_out):
        lines.append(f'  x{number}["{_escaped(key)}"]:::left_out')
    if plan.left_out:
        lines.append("  classDef left_out stroke-dasharray: 4 4,color:#777")
    return "\n".join(lines) + "\n"


def to_text(plan: Plan) -> str:
    """Return the plan as a tree, predecessors above their successors.

    A node with several predecessors stands in full below the first of them, and as ``name ^`` below
    the others: a graph drawn as a tree without the mark would grow without bound.
    """
    lines = list(_tree(plan))
    if plan.left_out:
        lines += ["", "left out:"]
        lines += [f"  {key}: {reason}" for key, reason in plan.left_out.items()]
    return "\n".join(lines) + "\n"


def _tree(plan: Plan) -> Iterator[str]:
    by_key = {node.key: node for node in plan.nodes}
    successors: dict[NodeKey, list[NodeKey]] = {node.key: [] for node in plan.nodes}
    for node in plan.nodes:
        for predecessor in node.depends_on:
            successors[predecessor].append(node.key)

    drawn: set[NodeKey] = set()
    # A stack and not recursion: a chain of nodes may be longer than Python's call stack.
    pending = [(node.key, "", "", "") for node in reversed(plan.nodes) if not node.depends_on]
    while pending:
        key, before, branch, below = pending.pop()
        if key in drawn:
            yield f"{before}{branch}{key} ^"
            continue
        drawn.add(key)
        yield f"{before}{branch}{_line(by_key[key])}"
        children = successors[key]
        for position, child in reversed(list(enumerate(children))):
            last = position == len(children) - 1
            pending.append((child, before + below, "└─ " if last else "├─ ", "   " if last else "│  "))


def _line(node: PlanNode) -> str:
    return str(node.key) if node.output == node.key else f"{node.key} -> {node.output}"


def _escaped(text: str) -> str:
    # Mermaid reads character references inside quoted labels and ends the label at a bare quote.
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
