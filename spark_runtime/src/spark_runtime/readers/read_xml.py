"""XML: bytes of one file in, one record per row element out, read as a stream."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from spark_runtime.readers.containers import as_utf8
from spark_runtime.readers.records import Drifted, Parsed, Rows, UnreadableFile, Wanted, as_json, as_text

BATCH_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class XmlLayout:
    """How an XML source is written.

    Attributes:
        row_tag: Name of the elements that are rows, without a namespace.
        encoding: Declared encoding; ``None`` takes what the file itself says.
        null_values: Texts that mean null, besides the empty one.
    """

    row_tag: str
    encoding: str | None
    null_values: frozenset[str] = frozenset()


def read_xml(chunks: Iterator[bytes], layout: XmlLayout, wanted: Wanted) -> Iterator[Parsed]:
    """Yield the row elements of one text; child elements and attributes are matched by name, whatever their case.

    An element with children or attributes is JSON, repeated ones are an array. Namespaces are passed over.

    Raises:
        UnreadableFile: The text is not well-formed XML, or ends too early.
    """
    rows = Rows(wanted)
    reader = _Reader(layout, rows)
    parser = expat.ParserCreate("utf-8" if layout.encoding else None)
    if layout.encoding:
        # The parser knows few encodings by itself, and Python all that can be declared.
        chunks = as_utf8(chunks, layout.encoding)
    parser.buffer_text = True
    # Without these the parser leaves out, without a word, what stands in another file.
    parser.ExternalEntityRefHandler = lambda context, *_: _refuse_entity(context)
    parser.SkippedEntityHandler = lambda name, _: _refuse_entity(name)
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
    except RecursionError as error:
        raise UnreadableFile("its elements are nested too deeply") from error
    # How the parser reports an encoding that the file names.
    except (ValueError, LookupError) as error:
        message = f"the encoding that it names cannot be read ({error}); declare it in the source's options"
        raise UnreadableFile(message) from error
    yield rows.take()


def _refuse_entity(name: str) -> int:
    raise UnreadableFile(
        f"the text of its entity '{name}' is not in the file; land it with the text in place"
    )


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
    def __init__(self, layout: XmlLayout, rows: Rows) -> None:
        self._row_tag = layout.row_tag
        self._nulls = layout.null_values
        self._rows = rows
        self._keys = {key: at for at, key in enumerate(rows.wanted.keys())}
        self._open: list[_Element] = []

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        name = _local(name)
        if not self._open and name != self._row_tag:
            return
        element = _Element(name, line)
        for key, value in attributes.items():
            # Marked as null, an element is empty, which says the same.
            if not key.startswith("xmlns") and key != "xsi:nil":
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
        seen: set[int] = set()
        for name, value in members.items():
            at = wanted.position_of(name, self._keys)
            if at in seen:
                self._rows.refuse(as_json(members), f"element '{name}' comes twice", element.line)
                return
            if at is not None:
                seen.add(at)
                found = as_text(value)
                values[at] = None if found in self._nulls else found
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
