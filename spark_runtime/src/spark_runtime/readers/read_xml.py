"""XML: bytes of one file in, one record per row element out, read as a stream."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from spark_runtime.readers.records import Drifted, Parsed, Rows, UnreadableFile, Wanted, as_json, as_text

BATCH_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class XmlLayout:
    """How an XML source is written.

    Attributes:
        row_tag: Name of the elements that are rows, without a namespace.
        encoding: Declared encoding; ``None`` takes what the file itself says.
    """

    row_tag: str
    encoding: str | None


def read_xml(chunks: Iterator[bytes], layout: XmlLayout, wanted: Wanted) -> Iterator[Parsed]:
    """Yield the row elements of one text; child elements and attributes are matched by name, whatever their case.

    An element with children or attributes is JSON, repeated ones are an array. Namespaces are passed over.

    Raises:
        UnreadableFile: The text is not well-formed XML, or ends too early.
    """
    rows = Rows(wanted)
    reader = _Reader(layout.row_tag, rows)
    parser = expat.ParserCreate(layout.encoding)
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: reader.start(
        name, attributes, parser.CurrentLineNumber
    )
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            if len(rows) >= BATCH_RECORDS:
                yield rows.take()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise UnreadableFile(f"not well-formed XML ({error}); land the file again") from error
    yield rows.take()


@dataclass(slots=True)
class _Element:
    name: str
    line: int
    members: dict[str, Any] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def put(self, name: str, value: Any) -> None:
        if name not in self.members:
            self.members[name] = value
        elif isinstance(self.members[name], list):
            self.members[name].append(value)
        else:
            self.members[name] = [self.members[name], value]

    def value(self) -> Any:
        text = "".join(self.texts).strip()
        if not self.members:
            return text or None
        return {**self.members, "_value": text} if text else self.members


class _Reader:
    def __init__(self, row_tag: str, rows: Rows) -> None:
        self._row_tag = row_tag
        self._rows = rows
        self._keys = {key: at for at, key in enumerate(rows.wanted.keys())}
        self._open: list[_Element] = []

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        name = _local(name)
        if not self._open and name != self._row_tag:
            return
        element = _Element(name, line)
        for key, value in attributes.items():
            if not key.startswith("xmlns"):
                element.put(_local(key), value)
        self._open.append(element)

    def end(self, _name: str) -> None:
        if not self._open:
            return
        element = self._open.pop()
        if self._open:
            self._open[-1].put(element.name, element.value())
        else:
            self._take(element)

    def text(self, data: str) -> None:
        if self._open:
            self._open[-1].texts.append(data)

    def _take(self, element: _Element) -> None:
        wanted = self._rows.wanted
        members = element.members
        text = "".join(element.texts).strip()
        if text:
            members = {**members, "_value": text}
        values: list[str | None] = [None] * len(wanted.names)
        extra: dict[str, Any] = {}
        for name, value in members.items():
            at = wanted.position_of(name, self._keys)
            if at is not None:
                values[at] = as_text(value)
            elif wanted.extra == "keep":
                extra[name] = value
            elif wanted.extra == "fail":
                raise Drifted(f"line {element.line} has unexpected element '{name}'")
            elif wanted.extra == "refuse":
                self._rows.refuse(as_json(members), f"unexpected element '{name}'", element.line)
                return
        self._rows.add(values, element.line, extra)


def _local(name: str) -> str:
    return name.rpartition(":")[2]
