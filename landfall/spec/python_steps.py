"""Steps in Python: a function from the product's folder, read and checked without running it.

The text of its file goes into the product's values, so that plans pin it and jobs get it; nothing but a job runs it.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from landfall.spec.faults import nearest_remedy
from landfall.spec.frames import Frame
from landfall.spec.model import Product, Step, StepType, Transformation
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Report

# A node spec carries it, and a plan keeps it for good.
MOST_BYTES = 64 * 1024
# What every job's Python has beside the standard library.
PROVIDED = frozenset({"pyspark", "pandas", "pyarrow", "numpy"})
_CODE = "LF1059"


def with_sources(product: Product, folder: Path, report: Report) -> Product:
    """Return the product with the text of each Python step's file in the step, and its SHA-256.

    Args:
        folder: The product's folder.
        report: Takes what is wrong, at its place in the product.
    """
    transformations = []
    for index, item in enumerate(product.transformations):
        steps = []
        for number, step in enumerate(item.steps):
            problems: list[tuple[str, str]] = []
            steps.append(_with_source(step, item, folder, problems) if step.type is StepType.PYTHON else step)
            for message, remedy in problems:
                at = ("transformations", index, "steps", number, "python", "function")
                report(at, SqlProblem(_CODE, message, remedy))
        transformations.append(replace(item, steps=tuple(steps)))
    return replace(product, transformations=tuple(transformations))


def python_frame(config: Mapping[str, Any]) -> Frame:
    """Return the columns that a Python step declares to yield."""
    return Frame(dict(config["columns"]))


def needed_packages(source: str) -> tuple[str, ...]:
    """Return what a step's source imports that not every job's Python has, by the name it is imported by.

    An import within ``try:`` with ``except ImportError:`` is one that the step can do without.
    """
    tree = ast.parse(source)
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Try) and any(_catches_imports(handler) for handler in node.handlers)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            names |= dict.fromkeys(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names[(node.module or "").partition(".")[0]] = None
    return tuple(name for name in names if name not in PROVIDED and name not in sys.stdlib_module_names)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    caught = [] if handler.type is None else list(ast.walk(handler.type))
    return any(isinstance(n, ast.Name) and n.id in ("ImportError", "ModuleNotFoundError") for n in caught)


def _with_source(
    step: Step, transformation: Transformation, folder: Path, problems: list[tuple[str, str]]
) -> Step:
    module, _, function = step.config["function"].partition(":")
    path = folder / f"{module}.py"
    if not path.is_file():
        files = [str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.py")]
        problems.append(
            (f"there is no file '{module}.py' in the product's folder", nearest_remedy(module, files))
        )
        return step
    content = path.read_bytes()
    if len(content) > MOST_BYTES:
        message = f"'{module}.py' has {len(content)} bytes, and a job gets at most {MOST_BYTES}"
        problems.append((message, "put less into one file"))
        return step
    try:
        text = content.decode("utf-8")
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", None) or str(error)
        problems.append((f"'{module}.py', line {line}, is not Python: {reason}", "correct it"))
        return step
    others = [str(ref.dataset) for ref in transformation.inputs[1:]]
    problems.extend(_signature_problems(tree, module, function, others))
    problems.extend(_import_problems(tree, module, path.parent))
    sha256 = hashlib.sha256(content).hexdigest()
    return replace(step, config={**step.config, "source": text, "sha256": sha256})


def _signature_problems(
    tree: ast.Module, module: str, name: str, others: Sequence[str]
) -> Iterator[tuple[str, str]]:
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    function = functions.get(name)
    if function is None:
        yield f"'{module}.py' has no function '{name}'", nearest_remedy(name, list(functions))
        return
    positional = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if not positional:
        yield (
            f"'{name}' takes nothing",
            "have it take the running frame first, then other inputs by their names",
        )
    for argument in (*positional[1:], *(argument.arg for argument in function.args.kwonlyargs)):
        if argument not in others:
            message = f"'{name}' takes '{argument}', which is not an input behind the first"
            yield message, nearest_remedy(argument, others, f"add '{argument}' to inputs:")


def _import_problems(tree: ast.Module, module: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the imports of other files of the product: a job gets one file."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        for name in names:
            first = name.partition(".")[0]
            if name.startswith(".") or (folder / f"{first}.py").is_file():
                message = (
                    f"'{module}.py', line {getattr(node, 'lineno', 1)}, imports '{name}', which no job gets"
                )
                yield message, "put what the function needs into its own file"
