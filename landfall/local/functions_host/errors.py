"""The faults of the local function host that its user has to act on."""

from pathlib import Path

from landfall.errors import ErrorKind, LandfallError


class AppNotLoadable(LandfallError):
    """``function_app.py`` is missing, cannot be imported, or does not hold exactly one app."""

    code = "LF5301"

    def __init__(self, script: Path, reason: str) -> None:
        super().__init__(f"{script}: {reason}")
        self.script = script


class PortInUse(LandfallError):
    """Another process listens on the host's port."""

    code = "LF5302"
    kind = ErrorKind.UNREACHABLE

    def __init__(self, port: int) -> None:
        super().__init__(
            f"127.0.0.1:{port} is in use, so the function host cannot listen there. Stop what uses it, or choose "
            f"another port with --port (0 takes any free one)."
        )
        self.port = port


class StoreInUse(LandfallError):
    """Another host works on the same data folder."""

    code = "LF5303"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is in use by another function host. One host owns its data folder: stop the other one, "
            "or give this one its own folder with --data."
        )
        self.folder = folder


class StoreNotReadable(LandfallError):
    """The data folder holds a store that this version cannot read."""

    code = "LF5304"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path}: {reason}. It holds running orchestrations only; Landfall's own state is in SQL. Delete the "
            "file to start with an empty task hub; the reconcile timer starts lost runs again."
        )
        self.path = path


class HostFileInvalid(LandfallError):
    """``host.json`` or the keys file cannot be used."""

    code = "LF5305"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class ScheduleInvalid(LandfallError):
    """A timer trigger's schedule is not understood."""

    code = "LF5306"

    def __init__(self, schedule: str, reason: str) -> None:
        super().__init__(
            f"schedule {schedule!r}: {reason}. Write six fields (second minute hour day month weekday), "
            'for example "0 */5 * * * *".'
        )
        self.schedule = schedule
