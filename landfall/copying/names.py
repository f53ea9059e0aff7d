"""What copied files are called: the name alone says which rows a file has.

An incremental copy has a number, one more than that of the copy published last, and ends at a value of the watermark:
``00000017_2026-01-31T12~00~00.parquet``. A full copy is called after the key that its caller gave it. So a copy that is
made again writes the same name or one with the same number, and the ledger knows it for what it is.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from landfall.spec.copying import WatermarkKind

UPTO: Final = "{watermark_to}"
"""Stands in names and queries for the value at which an incremental copy ends, until it is known."""

NOTHING_NEW: Final = "-"
"""What a source answers in place of that value if it has nothing new."""

_DIGITS: Final = 8
_NAME: Final = re.compile(rf"([0-9]{{{_DIGITS}}})_([^/]+)\.[a-z]+")
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
# Whatever these hold ends no literal of any database, and no name of a file.
_VALUES: Final = {
    WatermarkKind.NUMBER: re.compile(r"-?[0-9]{1,38}(\.[0-9]{1,38})?"),
    WatermarkKind.DATE: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    WatermarkKind.ROWVERSION: re.compile(r"0x[0-9A-Fa-f]{16}"),
}
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
)


@dataclass(frozen=True, slots=True)
class Increment:
    """What the name of a file of an incremental copy says: its number, and the watermark at which it ends."""

    number: int
    upto: str


def increment_name(number: int, upto: str, extension: str) -> str:
    """Return the name of the file of an incremental copy.

    Args:
        upto: Value of the watermark as the source writes it, or ``UPTO``.
    """
    return f"{number:0{_DIGITS}}_{encoded(upto)}.{extension}"


def parse_increment(path: str) -> Increment | None:
    """Return what the last part of a path or address says, ``None`` if it names no incremental copy."""
    # Addresses are percent-encoded, and not everybody encodes the same characters; values hold no percent sign.
    found = _NAME.fullmatch(unquote(path.rpartition("/")[2]))
    if found is None:
        return None
    return Increment(int(found[1]), found[2].replace("~", ":").replace("_", " "))


def encoded(value: str) -> str:
    """Return a value of a watermark as it stands in names: Hadoop's paths take no colon, and few like a blank."""
    return value.replace(":", "~").replace(" ", "_")


def is_value(text: str, kind: WatermarkKind) -> bool:
    """Return whether a text is a value of a watermark of this kind, and nothing else."""
    return _VALUES.get(kind, _MOMENT).fullmatch(text) is not None


def is_copy_key(text: str) -> bool:
    """Return whether a text may name a copy: 1 to 64 letters, digits and hyphens."""
    return _KEY.fullmatch(text) is not None
