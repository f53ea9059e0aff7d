"""Where the laptop stack keeps its things below a project, and on which ports it listens."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback port of each server; queues and tables are served where something needs them."""

    blob: int = 10000
    spark: int = 15002
    jobs: int = 8470
    functions: int = 7071
    queue: int = 10001
    table: int = 10002

    @classmethod
    def free(cls) -> Self:
        """Return ports that nobody uses at this moment."""
        # All are held at once, so that no two are the same.
        probes = [socket.socket() for _ in fields(cls)]
        try:
            for probe in probes:
                probe.bind((LOOPBACK, 0))
            return cls(*(probe.getsockname()[1] for probe in probes))
        finally:
            for probe in probes:
                probe.close()

    def named(self) -> Iterator[tuple[str, int]]:
        """Yield the name and number of each port."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)

    def listened_on(self, *, with_host: bool, with_queues: bool = False) -> Iterator[tuple[str, int]]:
        """Yield the name and number of each port that the stack itself takes."""
        # Without our host its port belongs to the real one, which keeps its state in queues and tables.
        others = set() if with_host else {"functions"}
        if with_host and not with_queues:
            others |= {"queue", "table"}
        return ((name, port) for name, port in self.named() if name not in others)


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one project's laptop stack.

    Attributes:
        root: Folder of the project.
    """

    root: Path

    @property
    def home(self) -> Path:
        return self.root / ".landfall"

    @property
    def env_file(self) -> Path:
        return self.home / "laptop.env"

    @property
    def lock_file(self) -> Path:
        return self.home / "supervisor.lock"

    @property
    def state_file(self) -> Path:
        return self.home / "stack.json"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def database(self) -> Path:
        return self.home / "metadata.db"

    @property
    def provisioned(self) -> Path:
        """Holds the revision that the database was last brought to."""
        return self.home / "provisioned"

    @property
    def azurite(self) -> Path:
        return self.home / "azurite"

    @property
    def jobs(self) -> Path:
        return self.home / "jobs"

    @property
    def jobs_token(self) -> Path:
        return self.home / "jobs.token"

    @property
    def functions(self) -> Path:
        return self.home / "functions"

    @property
    def functions_keys(self) -> Path:
        return self.home / "functions.keys.json"

    @property
    def outbox(self) -> Path:
        return self.home / "events.db"

    @property
    def app(self) -> Path:
        """The folder with the function app: the project itself, or Landfall's own checkout."""
        if (self.root / "function_app.py").is_file():
            return self.root
        return Path(__file__).resolve().parents[2]

    def log(self, service: str) -> Path:
        """Return the log file of a service."""
        return self.logs / f"{service}.log"
