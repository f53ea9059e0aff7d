"""A service's log file that never outgrows the laptop's disk."""

import os
from pathlib import Path
from typing import BinaryIO, Final

MAX_BYTES: Final = 10 * 1024 * 1024
KEPT: Final = 3


class ProcessLog:
    """Appends to a file and moves it aside when it is full; older ones are ``NAME.1`` (newest) to ``NAME.3``."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._file = self._open()

    def write(self, chunk: bytes) -> None:
        """Append bytes; they may end within a line."""
        if self._file.tell() + len(chunk) > self._max_bytes and self._file.tell():
            self._rotate()
        self._file.write(chunk)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of the file."""
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - 16_384))
            return b"\n".join(file.read().splitlines()[-lines:]).decode(errors="replace")

    def _open(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: somebody may be reading along.
        file = self.path.open("ab", buffering=0)
        file.seek(0, os.SEEK_END)
        return file

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self.path.replace(self._numbered(1))
        self._file = self._open()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
