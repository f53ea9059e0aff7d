"""What the parsers of all formats look for and hand over, and why a file cannot be read at all."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import pyarrow as pa

# A text for annotations only: pyarrow's stubs take parameters, its classes do not.
TextArray: TypeAlias = "pa.Array[Any]"

# What becomes of columns and fields that are not declared: they refuse rows, fail the file, are passed over, or kept.
Further: TypeAlias = Literal["refuse", "fail", "ignore", "keep"]

# How the fault of a frozen file begins, by which the job tells it from one that cannot be read.
DRIFTED = "other columns than declared: "


class UnreadableFile(Exception):
    """The file as a whole cannot be read; what was parsed of it must not be used."""


class Drifted(UnreadableFile):
    """The file has other columns than the declared ones, and these are frozen."""

    def __init__(self, fault: str) -> None:
        super().__init__(DRIFTED + fault)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The declared columns as they are called in the files, and what to do with files that have others.

    Attributes:
        names: One name per declared column.
        by_position: Whether columns are told by their place, whatever the file calls them.
        extra: Further columns of a file refuse its rows, fail it, are passed over, or are kept as JSON.
        fills_missing: Whether a column that a file lacks is null there.
        cleaned_from: Number of the first column that was found in the files and not declared: from there on
            names are compared as ``clean_name`` spells them.
    """

    names: tuple[str, ...]
    by_position: bool = False
    extra: Further = "refuse"
    fills_missing: bool = False
    cleaned_from: int | None = None

    def keys(self) -> list[str]:
        """Return one key per column; that of a name in a file is in ``key_positions``."""
        first = len(self.names) if self.cleaned_from is None else self.cleaned_from
        return [
            name.strip().casefold() if at < first else clean_name(name).casefold()
            for at, name in enumerate(self.names)
        ]

    def position_of(self, name: str, keys: dict[str, int]) -> int | None:
        """Return which column a name in a file means.

        Args:
            keys: Position of each of ``keys()``.
        """
        at = keys.get(name.strip().casefold())
        if at is None and self.cleaned_from is not None:
            at = keys.get(clean_name(name).casefold())
            at = at if at is not None and at >= self.cleaned_from else None
        return at


@dataclass(frozen=True, slots=True)
class Start:
    """Where in a file a text begins that is read by itself.

    Attributes:
        line: Its first line, counted from 1.
        record: First record of the file, where that stands before the text.
    """

    line: int = 1
    record: str | None = None


THE_START = Start()


@dataclass(frozen=True, slots=True)
class Match:
    """Where each declared column stands in a file.

    Attributes:
        positions: Position per declared column, ``None`` where the file has no such column.
        extra: Name and position of each further column to keep.
        fault: Why the rows of the file are refused.
    """

    positions: tuple[int | None, ...] = ()
    extra: tuple[tuple[str, int], ...] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that could not be parsed, as it stands in the file, and its line, counted from 1."""

    text: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """Part of a file.

    Attributes:
        columns: One text array per declared column, all of one length; empty when no record was good.
        refused: Records that could not be parsed.
        lines: Line of each good record, counted from 1, or its number in a format without lines.
        extra: JSON of the further columns of each good record, if they are kept and there are any.
        typed: By number of a declared column, its values as declared; their texts may then be missing.
    """

    columns: tuple[TextArray, ...]
    refused: tuple[RefusedRecord, ...] = ()
    lines: "TextArray | None" = None
    extra: "TextArray | None" = None
    typed: Mapping[int, TextArray] = field(default_factory=dict)

    @property
    def good(self) -> int:
        return len(self.columns[0]) if self.columns else 0


@dataclass(slots=True)
class Rows:
    """Good and refused records of a format that is read row by row, gathered until they make a part."""

    wanted: Wanted
    values: list[list[str | None]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    extra: list[str | None] = field(default_factory=list)
    refused: list[RefusedRecord] = field(default_factory=list)

    def add(self, values: list[str | None], line: int, extra: dict[str, Any] | None = None) -> None:
        # First what may fail, so that the three stay of one length.
        kept = as_json(extra) if extra else None
        self.values.append(values)
        self.lines.append(line)
        self.extra.append(kept)

    def refuse(self, text: str, reason: str, line: int | None) -> None:
        self.refused.append(RefusedRecord(as_sound(text), as_sound(reason), line))

    def __len__(self) -> int:
        return len(self.values) + len(self.refused)

    def take(self) -> Parsed:
        """Return what was gathered and begin anew."""
        try:
            columns, extra = self._arrays()
        except UnicodeEncodeError:
            self._refuse_no_text()
            columns, extra = self._arrays()
        parsed = Parsed(columns, tuple(self.refused), pa.array(self.lines, pa.int64()), extra)
        self.values, self.lines, self.extra, self.refused = [], [], [], []
        return parsed

    def _arrays(self) -> "tuple[tuple[TextArray, ...], TextArray | None]":
        names = range(len(self.wanted.names)) if self.values else ()
        columns = tuple(pa.array([row[at] for row in self.values], pa.string()) for at in names)
        return columns, pa.array(self.extra, pa.string()) if any(self.extra) else None

    def _refuse_no_text(self) -> None:
        """Refuse the records with half of a surrogate pair, which JSON can spell and no text can hold."""
        values, lines, extra = self.values, self.lines, self.extra
        self.values, self.lines, self.extra = [], [], []
        for row, line, further in zip(values, lines, extra, strict=True):
            broken = [name for name, text in zip(self.wanted.names, row, strict=True) if not _is_text(text)]
            if broken or not _is_text(further):
                named = dict(zip(self.wanted.names, row, strict=True))
                fault = f"'{broken[0]}' holds" if broken else "a further field holds"
                self.refuse(
                    json.dumps(named), f"{fault} half of a surrogate pair, which is no character", line
                )
            else:
                self.values.append(row)
                self.lines.append(line)
                self.extra.append(further)


def _is_text(value: str | None) -> bool:
    if value is None or value.isascii():
        return True
    return not any("\ud800" <= character <= "\udfff" for character in value)


def as_sound(text: str) -> str:
    """Return a text with halves of surrogate pairs as JSON spells them, so that an array can hold it."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def match_columns(found: Sequence[str], wanted: Wanted) -> Match:
    """Match the column names of a file to the declared ones: by name, in any order, whatever their case.

    Raises:
        Drifted: The file has other columns, and the declared ones are frozen.
    """
    if wanted.by_position:
        positions: list[int | None] = [at if at < len(found) else None for at in range(len(wanted.names))]
        extra = [(name or f"_c{at}", at) for at, name in enumerate(found) if at >= len(wanted.names)]
        repeated: list[str] = []
    else:
        keys = {key: at for at, key in enumerate(wanted.keys())}
        positions, extra, repeated = [None] * len(wanted.names), [], []
        for at, name in enumerate(found):
            own = wanted.position_of(name, keys)
            if own is None:
                extra.append((name.strip(), at))
            elif positions[own] is not None:
                repeated.append(name.strip())
            else:
                positions[own] = at
    missing = [name for name, at in zip(wanted.names, positions, strict=True) if at is None]
    faults = []
    for label, names in (
        ("repeated", repeated),
        ("missing", [] if wanted.fills_missing else missing),
        ("unexpected", [name for name, _ in extra] if wanted.extra in ("refuse", "fail") else []),
    ):
        if names:
            shown = ", ".join(repr(name) for name in names[:10])
            faults.append(f"{label} column{'s' if len(names) > 1 else ''} {shown}")
    if faults:
        fault = "the file has " + " and ".join(faults)
        if wanted.extra == "fail":
            raise Drifted(fault)
        return Match(fault=fault)
    return Match(tuple(positions), tuple(extra) if wanted.extra == "keep" else ())


def clean_name(name: str) -> str:
    """Return a column name that tables take, made of one that they may not take.

    Letters, digits and underscores stay, anything else becomes an underscore; ``Tax (%)`` is ``Tax``.
    """
    cleaned = re.sub(r"\W+", "_", name).strip("_")
    return cleaned if cleaned[:1].isalpha() else f"column_{cleaned}".rstrip("_")


class Number(str):
    """A number as it is written, so that no digit is lost on the way to its declared type."""

    __slots__ = ()


class Repeating(dict[str, Any]):
    """A JSON object in which a name comes twice, so that it does not say what its value is.

    Attributes:
        pairs: All names and values, as they are written.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    @property
    def repeated(self) -> str:
        """The first name that comes again."""
        names = [name for name, _ in self.pairs]
        return next(name for at, name in enumerate(names) if name in names[:at])


def loads(text: str | bytes) -> Any:
    """Return what a JSON text says, its numbers as ``Number``, objects that repeat a name as ``Repeating``.

    Raises:
        ValueError: It is not JSON.
    """
    return json.loads(
        text, parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_as_object
    )


def _as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeating(pairs)


def as_text(value: Any) -> str | None:
    """Return a value of a JSON document as text: texts and numbers as they are, the rest as JSON."""
    if value is None or isinstance(value, str):
        return value if type(value) is not Number else str(value)
    return as_json(value)


def as_json(value: Any) -> str:
    """Return a value as JSON, the ``Number`` in it with the digits they were written with."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, Repeating) else value.items()
        members = (f"{json.dumps(key, ensure_ascii=False)}:{as_json(item)}" for key, item in pairs)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(as_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)


def json_objects(names: Iterable[str], columns: Sequence[Sequence[Any]]) -> list[str]:
    """Return one JSON object per row of columns of equal length; what is null is left out."""
    names = list(names)
    return [
        as_json({name: value for name, value in zip(names, row, strict=True) if value is not None})
        for row in zip(*columns, strict=True)
    ]
