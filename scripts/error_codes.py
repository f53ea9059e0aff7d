"""Writes docs/errors.md: every error code, from the classes that carry it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "errors.md"
SOURCES = ("landfall", "spark_runtime/src", "activities")

HEAD = """\
# Error codes

Every error says what happened, where, and what to do next; its code stays the same between versions. On the
command line it comes first in the line, over HTTP it is the `code` of the problem document, in SQL it is
`NodeRuns.ErrorCode`.
A node whose job the platform ended without a result carries the platform's own code instead, such as `DRIVER_ERROR`.

Faults of a product file (LF1006 and up) are in [the reference of the product file](product-file.md#codes).

"""
PARTS = {
    "LF1": "Product files",
    "LF2": "Metadata database",
    "LF3": "Planning, landing and runs",
    "LF4": "Jobs, storage and the Spark runtime",
    "LF5": "The laptop stack",
    "LF6": "Command line and HTTP",
}
# Codes of answers and verdicts that are values and not raised.
VALUES = {
    "LF3303": ("", "The job run failed, and neither the platform nor its output says why."),
    "LF3304": (
        "",
        "The job run succeeded but left no result; the wheel on the cluster may be another version's.",
    ),
    "LF3305": ("", "The job wrote a good result and its run failed nevertheless."),
    "LF3307": ("", "The job took longer than the product's node_timeout and was cancelled."),
    "LF3308": (
        "",
        "The job run of a pack ended before it came to the node; it is tried again without the one it ended at.",
    ),
    "LF4571": ("", "A value of the data cannot be computed with; the engine's own message follows."),
    "LF4572": ("", "The engine refuses an expression or a query; its own message follows."),
    "LF4551": ("", "The storage failed under the engine; the attempt is repeated."),
    "LF4561": ("", "The engine failed; the attempt is repeated."),
    "LF4562": ("", "The engine ran out of memory or of another resource; the attempt is repeated."),
    "LF6101": ("", "The body of a request has faults; all are listed."),
    "LF6102": ("", "The address names no product."),
    "LF6103": ("", "The run that a request started did not succeed."),
}


@dataclass(frozen=True, order=True, slots=True)
class ErrorCode:
    code: str
    name: str
    meaning: str


def error_codes() -> list[ErrorCode]:
    """Return every code that a class carries or that `VALUES` explains, in order."""
    found = {item for source in SOURCES for item in _of_classes(ROOT / source)}
    found |= {ErrorCode(code, name, meaning) for code, (name, meaning) in VALUES.items() if _is_used(code)}
    return sorted(found)


def page() -> str:
    """Return the text of the page."""
    parts = []
    for prefix, title in PARTS.items():
        rows = [item for item in error_codes() if item.code.startswith(prefix)]
        lines = [f"| {item.code} | {item.name} | {item.meaning} |" for item in rows]
        parts.append("\n".join([f"## {title}", "", "| code | name | meaning |", "|---|---|---|", *lines, ""]))
    return HEAD + "\n".join(parts)


def _of_classes(folder: Path) -> Iterator[ErrorCode]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and (code := _code_of(node)):
                meaning = (ast.get_docstring(node) or "").partition("\n")[0].replace("``", "`")
                yield ErrorCode(code, node.name, meaning)


def _code_of(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
                return code if code.startswith("LF") else None
            case ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code))):
                return code if code.startswith("LF") else None
    return None


def _is_used(code: str) -> bool:
    return any(
        code in path.read_text(encoding="utf-8")
        for source in SOURCES
        for path in (ROOT / source).rglob("*.py")
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
