"""What is wrong with this machine or project, found before it hurts, each with what to do."""

import shutil
import socket
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

from landfall.checking import Finding
from landfall.errors import LandfallError
from landfall.local import azurite, stack
from landfall.local.laptop_env import read_environment
from landfall.local.layout import LOOPBACK, Layout

_OLDEST_PYTHON: Final = (3, 11)
_PACKAGES: Final = ("pysail", "pyspark-client", "deltalake", "databricks-sdk", "azure-functions-durable")
_DISK_BYTES: Final = 1_000_000_000
_MEMORY_BYTES: Final = 1_500_000_000


def examine(root: Path) -> tuple[Finding, ...]:
    """Return what was found on this machine and in the project at ``root``; looks only, changes nothing."""
    layout = Layout(root.resolve())
    checks: tuple[Callable[[Layout], Finding], ...] = (
        _python,
        _packages,
        _node,
        _azurite,
        _disk,
        _memory,
        _project,
        _stack,
        _database,
    )
    return tuple(check(layout) for check in checks)


def _python(_: Layout) -> Finding:
    oldest = ".".join(map(str, _OLDEST_PYTHON))
    return Finding(
        "python",
        sys.version_info[:2] >= _OLDEST_PYTHON,
        sys.version.split()[0],
        f"install Python {oldest} or later" if sys.version_info[:2] < _OLDEST_PYTHON else "",
    )


def _packages(_: Layout) -> Finding:
    missing = [name for name in _PACKAGES if _version(name) is None]
    if missing:
        return Finding("packages", False, f"missing: {', '.join(missing)}", "run `make setup`")
    return Finding("packages", True, ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))


def _node(_: Layout) -> Finding:
    node = azurite.find_node()
    if node is None:
        remedy = "run `make setup`, which installs Node as a Python package"
        return Finding("node", False, f"no Node {azurite.OLDEST_NODE} or later", remedy)
    return Finding("node", True, node.program)


def _azurite(layout: Layout) -> Finding:
    folder = azurite.find_installation(layout.root)
    if folder is None:
        return Finding("azurite", False, "not installed", "run `make setup`")
    return Finding("azurite", True, str(folder))


def _disk(layout: Layout) -> Finding:
    free = shutil.disk_usage(layout.root).free
    enough = free >= _DISK_BYTES
    return Finding(
        "disk", enough, f"{free / 1e9:.1f} GB free", "" if enough else "make room: 1 GB at least is needed"
    )


def _memory(_: Layout) -> Finding:
    free = psutil.virtual_memory().available
    enough = free >= _MEMORY_BYTES
    remedy = "" if enough else "close programs: the stack and the example take about 1.5 GB"
    return Finding("memory", enough, f"{free / 1e9:.1f} GB available", remedy)


def _project(layout: Layout) -> Finding:
    from landfall.spec.load import check_products

    try:
        products, faults = check_products(layout.root)
    except LandfallError as error:
        return Finding("project", False, str(error), "see `landfall init`")
    if faults:
        return Finding("project", False, f"{len(faults)} faults", "`landfall validate` shows them")
    return Finding("project", True, ", ".join(product.key for product in products) or "no products yet")


def _stack(layout: Layout) -> Finding:
    info = stack.status(layout.root)
    if info is None:
        taken = [f"{port} ({name})" for name, port in stack.Ports().named() if _answers(port)]
        if taken:
            remedy = "end what uses them, or start with other ports: `landfall up --help`"
            return Finding("stack", False, f"not running, ports in use: {', '.join(taken)}", remedy)
        return Finding("stack", True, "not running, its ports are free")
    down = [one.title for one in info.services if one.state is not stack.ServiceState.READY]
    if down:
        return Finding(
            "stack", False, f"{info.phase}; not ready: {', '.join(down)}", f"see the logs in {layout.logs}"
        )
    restarts = sum(one.restarts for one in info.services)
    return Finding("stack", True, f"running, {len(info.services)} services, {restarts} restarts")


def _database(layout: Layout) -> Finding:
    from landfall.metadata.engine import Database, create_engine
    from landfall.metadata.migrations import current_revision, head

    url = read_environment(layout.env_file).get("LANDFALL_DATABASE_URL")
    if url is None or not layout.database.exists():
        return Finding("database", True, "none yet; `landfall up` makes it")
    database = Database(create_engine(url))
    try:
        revision = current_revision(database)
    except LandfallError as error:
        return Finding("database", False, str(error), "see `landfall status`")
    finally:
        database.close()
    if revision != head():
        return Finding(
            "database", False, f"at revision {revision}, not {head()}", "run `landfall db upgrade`"
        )
    return Finding("database", True, f"at revision {revision}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _answers(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
