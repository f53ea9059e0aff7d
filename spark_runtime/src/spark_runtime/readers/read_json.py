"""JSON: text of one file in, columns of text out, every record accounted for."""

from collections.abc import Iterator
from typing import Any

from spark_runtime.readers.records import (
    THE_START,
    Drifted,
    Parsed,
    Repeating,
    Rows,
    Start,
    UnreadableFile,
    Wanted,
    as_json,
    as_text,
    loads,
)

BATCH_RECORDS = 20_000


def read_json_lines(chunks: Iterator[bytes], wanted: Wanted, start: Start = THE_START) -> Iterator[Parsed]:
    """Yield the objects of one text, one line each; fields are matched by name, whatever their case.

    A field that is absent is null. A line that is no JSON object, or has a field that may not be there, is refused.
    Numbers keep the digits they are written with.
    """
    reader = _Objects(wanted)
    carried = b""
    number = start.line - 1
    for chunk in chunks:
        data = carried + chunk
        end = data.rfind(b"\n") + 1
        carried = data[end:]
        for line in data[:end].split(b"\n")[:-1]:
            number += 1
            reader.read_line(line, number)
        if len(reader.rows):
            yield reader.rows.take()
    reader.read_line(carried, number + 1)
    yield reader.rows.take()


def read_json_document(chunks: Iterator[bytes], wanted: Wanted) -> Iterator[Parsed]:
    """Yield the objects of one document: an array of objects, or a single object, over any number of lines.

    The document is held whole. An element that is no object is refused; its number stands for its line.

    Raises:
        UnreadableFile: The text is not one JSON document.
    """
    text = b"".join(chunks)
    if not text.strip():
        return
    try:
        document = loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"not a JSON document: {error}") from error
    del text
    reader = _Objects(wanted)
    for number, item in enumerate(document if isinstance(document, list) else [document], 1):
        try:
            reader.read(item, number, as_json(item))
        except RecursionError as error:
            raise UnreadableFile(f"a value of object {number} is nested too deeply") from error
        if len(reader.rows) >= BATCH_RECORDS:
            yield reader.rows.take()
    yield reader.rows.take()


class _Objects:
    """Takes the declared fields out of JSON objects."""

    def __init__(self, wanted: Wanted) -> None:
        self.rows = Rows(wanted)
        self._wanted = wanted
        self._keys = {key: at for at, key in enumerate(wanted.keys())}

    def read_line(self, line: bytes, number: int) -> None:
        if not line.strip():
            return
        text = line.decode(errors="replace").rstrip("\r")
        try:
            document = loads(line)
        except (ValueError, RecursionError) as error:
            self.rows.refuse(text, f"not JSON: {error}", number)
            return
        try:
            self.read(document, number, text)
        except RecursionError:
            self.rows.refuse(text, "a value is nested too deeply", number)

    def read(self, document: Any, number: int, text: str) -> None:
        if not isinstance(document, dict):
            self.rows.refuse(text, "not a JSON object", number)
            return
        if isinstance(document, Repeating):
            self.rows.refuse(text, f"field '{document.repeated}' comes twice", number)
            return
        values: list[str | None] = [None] * len(self._wanted.names)
        extra: dict[str, Any] = {}
        seen: set[int] = set()
        for name, value in document.items():
            at = self._wanted.position_of(name, self._keys)
            if at is None:
                if self._wanted.extra == "keep":
                    extra[name] = value
                elif self._wanted.extra == "fail":
                    raise Drifted(f"record {number} has unexpected field '{name}'")
                elif self._wanted.extra == "refuse":
                    self.rows.refuse(text, f"unexpected field '{name}'", number)
                    return
                continue
            if at in seen:
                self.rows.refuse(text, f"field '{name}' comes twice", number)
                return
            seen.add(at)
            values[at] = as_text(value)
        self.rows.add(values, number, extra)
