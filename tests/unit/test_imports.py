"""Imports go one way, and what must be pure is: the table of who may import whom, held by a test.

The rules read source text with ``ast``, so an import inside a function or below ``TYPE_CHECKING`` counts too.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "landfall": ROOT,
    "orchestrations": ROOT,
    "activities": ROOT,
    "spark_runtime": ROOT / "spark_runtime" / "src",
}

PURE = (
    "landfall.errors",
    "landfall.acts",
    "landfall.addresses",
    "landfall.concealing",
    "landfall.instants",
    "landfall.known_settings",
    "landfall.roles",
    "landfall.wording",
    "landfall.spec",
    "landfall.planning",
    "landfall.lineage",
    "landfall.contracts",
    "landfall.copying",
    "landfall.landing.events",
    "landfall.landing.matching",
    "landfall.runs.backoff",
    "landfall.runs.ids",
    "landfall.runs.policy",
    "landfall.runs.sharing",
    "landfall.runs.states",
    "landfall.runs.verdict",
    "landfall.runs.work",
)
# Standard modules through which a value could come from, or go to, somewhere else than the arguments.
IMPURE_STANDARD = (
    "asyncio",
    "concurrent",
    "http",
    "multiprocessing",
    "random",
    "secrets",
    "select",
    "smtplib",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "threading",
    "time",
    "urllib.request",
    "uuid",
)
CLOCK_CALLS = {"now", "utcnow", "today"}
ENVIRONMENT_NAMES = {"environ", "environb", "getenv", "getenvb", "putenv"}


@dataclass(frozen=True, slots=True)
class Part:
    """What the modules of one part may import beside the standard library and the part itself.

    Attributes:
        never: Exceptions from ``may_import``.
        pure: Values in, values out: no clock, chance, network or process either.
    """

    may_import: tuple[str, ...]
    never: tuple[str, ...] = ()
    pure: bool = False


# The longest prefix of a module's name decides, so a pure module may live in a part with side effects.
PARTS: Mapping[str, Part] = {
    **{name: Part(PURE, pure=True) for name in PURE},
    "landfall.spec": Part((*PURE, "pydantic", "pydantic_core", "ruamel.yaml", "sqlglot"), pure=True),
    "landfall.lineage": Part((*PURE, "sqlglot"), pure=True),
    "landfall.copying": Part((*PURE, "sqlglot"), pure=True),
    # The laptop's stand-in for the batch copy; that it may not import the lake, its caller hands it over.
    "landfall.copying.side_by_side": Part(PURE),
    "landfall.copying.source": Part(
        (*PURE, "sqlalchemy", "pyarrow", "adbc_driver_manager", "adbc_driver_postgresql")
    ),
    "landfall.copying.api": Part((*PURE, "landfall.copying", "pyarrow")),
    "landfall.copying.files": Part((*PURE, "landfall.copying", "asyncssh")),
    "landfall.copying.reaching": Part((*PURE, "landfall.copying")),
    "landfall.copying.tables": Part((*PURE, "landfall.copying", "pyarrow")),
    "landfall.copying.arrow": Part((*PURE, "pyarrow")),
    "landfall.copying.execute": Part((*PURE, "landfall.copying", "pyarrow")),
    "landfall.copying.reflect": Part((*PURE, "landfall.copying", "sqlalchemy")),
    "landfall": Part(()),
    "landfall.settings": Part(("landfall.errors",)),
    "landfall.telemetry": Part((*PURE, "opentelemetry")),
    "landfall.log_context": Part((*PURE, "landfall.telemetry")),
    "landfall.trace_tree": Part(()),
    "landfall.reads": Part(()),
    "landfall.metrics": Part((*PURE, "opentelemetry")),
    "landfall.exporting": Part(
        (
            *PURE,
            "landfall.settings",
            "landfall.telemetry",
            "landfall.metrics",
            "opentelemetry",
            "azure.monitor",
            "azure.identity",
        )
    ),
    # SQL is met in `metadata`. The ledger and the run store build on its tables, because a file is claimed
    # in the transaction that opens its run; the other direction is closed.
    "landfall.metadata": Part(
        (
            *PURE,
            "landfall.settings",
            "sqlalchemy",
            "alembic",
            "pyodbc",
            "azure.identity",
            "azure.core",
            "opentelemetry",
        )
    ),
    "landfall.landing": Part((*PURE, "landfall.metadata", "landfall.runs.leases", "sqlalchemy")),
    # The lease is read in the transaction that writes the ledger row, so it stands below the ledger.
    "landfall.runs.leases": Part((*PURE, "landfall.metadata", "sqlalchemy")),
    "landfall.runs": Part((*PURE, "landfall.metadata", "landfall.landing", "sqlalchemy")),
    "landfall.small_blobs": Part((*PURE, "azure.storage", "azure.core", "requests")),
    "landfall.lake": Part(
        (*PURE, "landfall.settings", "landfall.small_blobs", "azure.storage", "azure.identity", "azure.core")
    ),
    "landfall.purging": Part((*PURE, "landfall.metadata", "landfall.runs", "landfall.lake")),
    # Sends what the store of runs tells, in the words of OpenLineage and through its client.
    "landfall.catalogue": Part(
        (*PURE, "landfall.metadata", "landfall.runs", "openlineage", "requests", "sqlalchemy")
    ),
    "landfall.preview": Part(
        (*PURE, "landfall.settings", "deltalake", "pyarrow", "azure.identity", "azure.core")
    ),
    # The named patterns are the runtime's, so that a rule that is proposed holds.
    "landfall.profiling": Part(
        (*PURE, "landfall.settings", "landfall.preview", "deltalake", "spark_runtime.patterns")
    ),
    "landfall.quarantine": Part(
        (
            *PURE,
            "landfall.settings",
            "landfall.preview",
            "landfall.lake",
            "landfall.metadata",
            "landfall.runs",
            "deltalake",
        )
    ),
    "landfall.jobs": Part((*PURE, "landfall.settings", "databricks", "azure.identity", "azure.core")),
    "landfall.calling_back": Part((*PURE,)),
    "landfall.checking": Part(
        (
            *PURE,
            "landfall.settings",
            "landfall.metadata",
            "landfall.lake",
            "landfall.jobs",
            "landfall.client",
        )
    ),
    "landfall.accounts": Part(()),
    "landfall.client": Part((*PURE, "landfall.settings", "azure.identity", "azure.core")),
    # Thin callers: no SQL statement and no foreign service except through `landfall`.
    "landfall.api": Part(
        ("landfall", "azure.functions", "fastapi", "starlette", "pydantic", "sqlalchemy"),
        never=("landfall.cli", "landfall.local"),
    ),
    "landfall.console": Part(
        ("landfall", "fastapi", "starlette", "jinja2", "markupsafe", "sqlalchemy"),
        never=("landfall.cli", "landfall.local"),
    ),
    "landfall.cli": Part(("landfall", "typer", "click", "rich")),
    # Builds nodes as a job does, in a folder; the engine it uses is handed over. The others write files that land.
    "landfall.testing": Part(
        (*PURE, "spark_runtime", "pyspark", "pyarrow", "deltalake", "fastavro", "openpyxl")
    ),
    # The laptop's stand-ins load the function app by path, as Azure does.
    "landfall.local": Part(
        (
            "landfall",
            "aiohttp",
            "azure.durable_functions",
            "azure.functions",
            "azure.storage",
            "azure.core",
            "databricks",
            "multidict",
            "psutil",
            "pysail",
            "pyspark",
            "yarl",
        ),
        never=("landfall.api", "landfall.cli"),
    ),
    # Replayed code: what it decides may follow from its history alone.
    "orchestrations": Part(PURE, pure=True),
    "activities": Part(("landfall",), never=("landfall.api", "landfall.cli", "landfall.local")),
    # pyarrow comes with pyspark and is what its Arrow functions (mapInArrow) hand over. The other two read one
    # format each, inside the engine and only if its Python has them.
    "spark_runtime": Part(("pyspark", "pyarrow", "fastavro", "openpyxl")),
}

# Only `settings` interprets variables; `function_app` hands them to it. The others are entry points of
# processes, where the few variables of the process itself are read.
ENVIRONMENT_READERS = (
    "function_app",
    "landfall.settings",
    "landfall.local",
    "landfall.cli",
    # Runs inside the laptop's engine, which is told by its environment where storage is.
    "spark_runtime.readers.ranges",
)


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    source: str
    is_package: bool = False


def modules() -> tuple[Module, ...]:
    """Return every module of the product; tests and benchmarks may import what they like."""
    found = []
    for package, folder in SOURCES.items():
        for path in sorted((folder / package).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            found.append(Module(name, path.read_text(encoding="utf-8"), is_package))
    function_app = ROOT / "function_app.py"
    if function_app.exists():
        found.append(Module("function_app", function_app.read_text(encoding="utf-8")))
    return tuple(found)


def faults_of(module: Module, known: frozenset[str] = frozenset()) -> list[str]:
    """Return every breach of the rules in one module, each with its line.

    Args:
        known: Names of all modules, which tell ``from package import module`` from a name in the package.
    """
    tree = ast.parse(module.source)
    faults = [
        f"{module.name}:{line}: must not import {name}"
        for line, name in _imports(module, tree, known)
        if not _may_import(module.name, name)
    ]
    if not _is_within(module.name, ENVIRONMENT_READERS):
        faults += [f"{module.name}:{line}: reads the environment" for line in _environment_reads(tree)]
    if _part_of(module.name).pure:
        faults += [f"{module.name}:{line}: reads the clock" for line in _clock_reads(tree)]
    return faults


def _imports(module: Module, tree: ast.AST, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in known else base


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _may_import(importer: str, imported: str) -> bool:
    if importer == "function_app":
        return True
    part = _part_of(importer)
    if imported.partition(".")[0] in sys.stdlib_module_names:
        return not (part.pure and _is_within(imported, IMPURE_STANDARD))
    if _is_within(imported, part.never):
        return False
    return _is_within(imported, (_prefix_of(importer), *part.may_import)) or (
        # A package below is no side door: `import landfall` runs nothing but an empty file.
        imported == "landfall" and importer.startswith("landfall.")
    )


def _part_of(name: str) -> Part:
    return PARTS.get(_prefix_of(name), Part(()))


def _prefix_of(name: str) -> str:
    return max((prefix for prefix in PARTS if _is_within(name, (prefix,))), key=len, default=name)


def _is_within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _environment_reads(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
            and node.attr in ENVIRONMENT_NAMES
        ):
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in ENVIRONMENT_NAMES)


def _clock_reads(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CLOCK_CALLS
            and ast.unparse(node.func.value).rpartition(".")[2] in {"datetime", "date"}
        ):
            yield node.lineno


def test_every_module_keeps_to_the_table() -> None:
    found = modules()
    known = frozenset(module.name for module in found)

    faults = [fault for module in found for fault in faults_of(module, known)]

    assert faults == []


def test_every_module_stands_in_the_table() -> None:
    # Without this, a new package of `landfall` would fall under no rule of its own and stay unnoticed.
    outside = [
        module.name
        for module in modules()
        if module.name not in ("landfall", "function_app") and _prefix_of(module.name) in ("landfall", "")
    ]

    assert outside == []


def test_the_modules_are_really_found() -> None:
    names = {module.name for module in modules()}

    assert names >= {"landfall.planning.plan", "landfall.runs.states", "spark_runtime", "orchestrations"}


@pytest.mark.parametrize(
    ("name", "source", "fault"),
    [
        ("landfall.planning.x", "import sqlalchemy", "must not import sqlalchemy"),
        ("landfall.planning.x", "from landfall.metadata import tables", "must not import landfall.metadata"),
        ("landfall.planning.x", "def f():\n    import azure.identity", "must not import azure.identity"),
        ("landfall.planning.x", "from ..metadata import tables", "must not import landfall.metadata"),
        ("landfall.planning.x", "import pydantic", "must not import pydantic"),
        ("landfall.planning.x", "import time", "must not import time"),
        ("landfall.lineage.x", "import urllib.request", "must not import urllib.request"),
        (
            "landfall.runs.states",
            "from landfall.runs.opening import open_run",
            "must not import landfall.runs",
        ),
        (
            "landfall.metadata.x",
            "from landfall.runs.opening import open_run",
            "must not import landfall.runs",
        ),
        ("landfall.jobs.x", "from landfall.metadata.tables import runs", "must not import landfall.metadata"),
        ("landfall.jobs.x", "from function_app import app", "must not import function_app"),
        ("landfall.cli.x", "from activities.runs import Activities", "must not import activities"),
        ("landfall.cli.x", "import sqlalchemy as sa", "must not import sqlalchemy"),
        ("landfall.api.x", "import landfall.local.stack", "must not import landfall.local"),
        ("landfall.local.x", "import orchestrations.run", "must not import orchestrations"),
        ("orchestrations.x", "import azure.durable_functions as df", "must not import azure"),
        ("orchestrations.x", "from landfall.runs import opening", "must not import landfall.runs"),
        ("orchestrations.x", "from uuid import uuid4", "must not import uuid"),
        ("activities.x", "from landfall.cli import main", "must not import landfall.cli"),
        ("activities.x", "from orchestrations import run", "must not import orchestrations"),
        ("spark_runtime.x", "from landfall.errors import LandfallError", "must not import landfall.errors"),
        ("spark_runtime.x", "import pandas", "must not import pandas"),
        ("landfall.runs.x", "import os\nos.environ['A']", ":2: reads the environment"),
        ("spark_runtime.x", "from os import getenv", "reads the environment"),
        ("landfall.spec.x", "from datetime import datetime, UTC\ndatetime.now(UTC)", ":2: reads the clock"),
        ("orchestrations.x", "import datetime\ndatetime.datetime.utcnow()", "reads the clock"),
    ],
)
def test_a_breach_is_found(name: str, source: str, fault: str) -> None:
    (found,) = faults_of(Module(name, source))

    assert fault in found


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("landfall.planning.x", "import json\nfrom landfall.spec.model import Product"),
        ("landfall.planning", "from .plan import Plan"),
        ("landfall.runs.x", "from landfall.landing.ledger import claim_files\nimport sqlalchemy as sa"),
        ("landfall.cli.x", "import os\nos.environ.get('NO_COLOR')"),
        ("orchestrations.x", "context.current_utc_datetime\nfrom landfall.runs.states import NodeState"),
        ("orchestrations.x", "from orchestrations.node import drive_node"),
        ("spark_runtime.x", "import pyarrow as pa\nfrom pyspark.sql import SparkSession\nimport time"),
        ("function_app", "import azure.functions\nfrom landfall.local import anything"),
    ],
)
def test_what_the_table_allows_is_no_fault(name: str, source: str) -> None:
    assert faults_of(Module(name, source, is_package=name == "landfall.planning")) == []


def test_a_module_imported_from_its_package_counts_as_the_module() -> None:
    module = Module("orchestrations.x", "from landfall import lake, addresses")

    faults = faults_of(module, known=frozenset({"landfall.lake", "landfall.addresses"}))

    assert faults == ["orchestrations.x:1: must not import landfall.lake"]
