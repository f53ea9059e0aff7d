"""Files of a server as this machine fetches them: by SFTP, or from a share that is mounted as a folder."""

import asyncio
import fnmatch
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self
from urllib.parse import unquote, urlsplit

from landfall.copying.source import SourceUnreachable
from landfall.errors import LandfallError

if TYPE_CHECKING:
    import asyncssh

_CONNECT_TIMEOUT_S: Final = 30
_DEFAULT_PORT: Final = 22


class FilesRefused(LandfallError):
    """A file server does not do what a copy asks of it."""

    code = "LF4310"

    def __init__(self, source: str, reason: str, path: str) -> None:
        super().__init__(
            f"the source {source!r} refused {path!r}: {reason}. Check path and after of the dataset, and what the "
            "account may read or delete."
        )
        self.source = source


class FileServer(Protocol):
    """Files by their paths."""

    def matching(self, pattern: str) -> list[str]:
        """Return the paths of the files whose names match the last part of a pattern, in order."""
        ...

    def fetch(self, path: str, to: Path) -> None:
        """Copy a file to this machine."""
        ...

    def delete(self, path: str) -> None:
        """Delete a file at the server."""
        ...


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """One source of files, connected to when it is asked.

    Attributes:
        connect: Returns the server, which ends with its context.
    """

    name: str
    connect: Callable[[], AbstractContextManager[FileServer]]


@dataclass(frozen=True, slots=True)
class MountedFolder:
    """A share that is mounted on this machine, or any folder in its place."""

    source: str
    folder: Path

    def __enter__(self) -> Self:
        if not self.folder.is_dir():
            raise SourceUnreachable(self.source, str(self.folder), "there is no such folder")
        return self

    def __exit__(self, *_raised: object) -> None:
        """A mounted folder needs no farewell."""

    def matching(self, pattern: str) -> list[str]:
        at, _, name = pattern.rpartition("/")
        folder = self.folder / at
        if not folder.is_dir():
            return []
        found = [path for path in folder.iterdir() if path.is_file() and fnmatch.fnmatchcase(path.name, name)]
        return sorted(str(PurePosixPath(at, path.name)) for path in found)

    def fetch(self, path: str, to: Path) -> None:
        try:
            to.write_bytes((self.folder / path).read_bytes())
        except OSError as error:
            raise FilesRefused(self.source, str(error), path) from error

    def delete(self, path: str) -> None:
        try:
            (self.folder / path).unlink(missing_ok=True)
        except OSError as error:
            raise FilesRefused(self.source, str(error), path) from error


class SftpServer:
    """A server that is known by the fingerprint of its host key, and by nothing else."""

    def __init__(self, source: str, url: str, password: str, host_key: str) -> None:
        self.source = source
        self._url = urlsplit(url)
        self._password = password
        self._host_key = host_key
        self._loop = asyncio.Runner()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._sftp: asyncssh.SFTPClient | None = None

    def __enter__(self) -> Self:
        import asyncssh

        expected = self._host_key

        class Client(asyncssh.SSHClient):
            def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
                return is_host_key(expected, [key.get_fingerprint("md5"), key.get_fingerprint("sha256")])

        async def connect() -> None:
            self._connection = await asyncssh.connect(
                self._url.hostname or "",
                self._url.port or _DEFAULT_PORT,
                username=unquote(self._url.username or ""),
                password=self._password,
                client_factory=Client,
                # Nobody is trusted beforehand, so each server's key is shown to the client above.
                known_hosts=([], [], []),
                client_keys=None,
                agent_path=None,
                config=None,
                connect_timeout=_CONNECT_TIMEOUT_S,
            )
            self._sftp = await self._connection.start_sftp_client()

        try:
            self._loop.run(connect())
        except (OSError, asyncssh.Error) as error:
            self._loop.close()
            where = f"sftp://{self._url.hostname}:{self._url.port or _DEFAULT_PORT}"
            raise SourceUnreachable(self.source, where, str(error) or type(error).__name__) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._loop.run(self._connection.wait_closed())
        self._loop.close()

    def matching(self, pattern: str) -> list[str]:
        at, _, name = pattern.rpartition("/")
        found = self._run(lambda sftp: sftp.readdir(at or "."), pattern, missing=[])
        # Kinds of SFTP: 1 is a file, 5 one that does not say.
        names = [str(one.filename) for one in found if one.attrs.type in (1, 5)]
        return sorted(f"{at}/{one}" if at else one for one in names if fnmatch.fnmatchcase(one, name))

    def fetch(self, path: str, to: Path) -> None:
        self._run(lambda sftp: sftp.get(path, to), path)

    def delete(self, path: str) -> None:
        self._run(lambda sftp: sftp.remove(path), path, missing=None)

    def _run(self, act: Callable[[Any], Any], path: str, **missing: Any) -> Any:
        """Do something at the server; return ``missing`` where the path is not there, if that is given."""
        import asyncssh

        try:
            return self._loop.run(act(self._sftp))
        except asyncssh.SFTPNoSuchFile as error:
            if "missing" in missing:
                return missing["missing"]
            raise FilesRefused(self.source, str(error), path) from error
        except (OSError, asyncssh.Error) as error:
            raise FilesRefused(self.source, str(error) or type(error).__name__, path) from error


def is_host_key(expected: str, fingerprints: list[str]) -> bool:
    """Return whether one of a key's fingerprints is the expected one.

    Args:
        expected: As Data Factory wants it, ``ssh-ed25519 255 2a:0c:…``, or ``SHA256:…`` as OpenSSH shows it.
        fingerprints: ``MD5:2a:0c:…`` and ``SHA256:…``.
    """
    words = expected.split()
    return any(text in words or text.removeprefix("MD5:") in words for text in fingerprints)
