"""Regular expressions, and the texts put in for what they find, as every engine takes them."""

import re

from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.writer import Different, Writer, as_type

# Functions whose second argument is a regular expression.
TAKE_A_PATTERN = frozenset(
    {
        "regexp_replace",
        "regexp_extract",
        "regexp_extract_all",
        "regexp_like",
        "regexp_count",
        "regexp_substr",
        "split",
    }
)
_POSIX = re.compile(
    r"\[\[:|\\+[pP]\{(Lower|Upper|ASCII|Alpha|Digit|Alnum|Punct|Graph|Print|Blank|Cntrl|XDigit|Space)\}"
)
# Functions that go on behind what was found.
_FIND_ALL = frozenset({"regexp_replace", "regexp_count", "regexp_extract_all", "split"})
# Patterns that all engines find at one place.
_ENDS_OF_TEXT = ("^", "$")
# In a text that takes the place of what was found: a reference to a group that all engines take for one.
_GROUP = re.compile(r"\$([0-9])(?![0-9])")


def ascii_classes(pattern: str) -> str:
    r"""Return a regular expression, or its SQL text, with ``\w``, ``\d`` and ``\s`` spelt out.

    They are ASCII for Java and Unicode for Rust.
    """
    _require_same(pattern)
    spelt = {"w": "A-Za-z0-9_", "d": "0-9", "s": r" \t\n\x0B\f\r"}
    if pattern[:1] in "'\"":
        spelt["s"] = r" \\t\\n\\x0B\\f\\r"
    slash = r"\\\\" if pattern[:1] in "'\"" else r"\\"
    inside = False
    written, at = [], 0
    for match in re.finditer(
        rf"(?P<class>{slash}(?P<letter>[wdsWDS]))|{slash}.|(?P<bracket>[\[\]])", pattern
    ):
        written.append(pattern[at : match.start()])
        at = match.end()
        letter = match["letter"]
        if match["bracket"]:
            inside = match["bracket"] == "["
        if letter is None or (letter.isupper() and inside):
            written.append(match[0])
        elif inside:
            written.append(spelt[letter])
        else:
            written.append(f"[{'^' if letter.isupper() else ''}{spelt[letter.lower()]}]")
    return "".join([*written, pattern[at:]])


def _require_same(pattern: str) -> None:
    """Refuse the text of a regular expression with classes that are ASCII, or nothing at all, for Java.

    Raises:
        Different: See there.
    """
    found = _POSIX.search(pattern)
    if found is not None:
        raise Different(
            f"this engine reads {found[0]} in a regular expression otherwise; write the characters, such as [A-Za-z]"
        )


def with_pattern(writer: Writer, node: Node, pattern: Node | None) -> str:
    if node.name == "split" and pattern is not None and writer.scope.source(pattern) in ("''", '""'):
        raise Different("split by an empty text gives further empty texts on this engine; use a separator")
    changed = {}
    if node.name in _FIND_ALL and pattern is not None and _finds_nothing(writer.scope.source(pattern)):
        raise Different(
            f"{node.name}: {writer.scope.source(pattern)} also finds the empty text, which this engine finds in other "
            "places; give a pattern that is not empty, as in x+ for x*"
        )
    if pattern is not None and pattern.kind == "string":
        changed[1] = ascii_classes(writer.scope.source(pattern))
    if node.name == "regexp_replace" and len(node.pieces) > 2:
        changed |= _put_in(writer, node.pieces[2], pattern)
    text = writer.spliced(node, changed)
    return as_type(text, "int") if node.name == "regexp_count" else text


def _finds_nothing(pattern: str) -> bool:
    """Return whether the literal of a regular expression is met by no characters at all."""
    if pattern[:1] not in "'\"" or pattern[1:-1] in _ENDS_OF_TEXT:
        return False
    try:
        return re.fullmatch(pattern[1:-1].replace("\\\\", "\\"), "") is not None
    except re.error:
        return False


def _put_in(writer: Writer, pieces: Pieces, pattern: Node | None) -> dict[int, str]:
    """Return the changed text that ``regexp_replace`` puts in for what was found, its third argument."""
    only = pieces.only
    if only is not None and only.kind == "string":
        is_known = pattern is not None and pattern.kind == "string"
        known = writer.scope.source(pattern) if pattern is not None and is_known else None
        return {2: _with_marked_groups(writer.scope.source(only), known)}
    return {2: _guarded_groups(writer.pieces(pieces))}


def _with_marked_groups(replacement: str, pattern: str | None) -> str:
    """Return a text literal that is put in for what was found, its groups written as Sail tells them from letters.

    Args:
        replacement: The literal.
        pattern: The literal of the regular expression, ``None`` where it is no literal.

    Raises:
        Different: It has a backslash, a dollar that not just one digit follows, or a group that the pattern has not.
    """
    asked = [int(group) for group in _GROUP.findall(replacement)]
    is_plain = "\\" not in replacement and "$" not in _GROUP.sub("", replacement)
    if not is_plain or (asked and max(asked) > _groups_in(pattern)):
        raise Different(
            f"regexp_replace: this engine reads {replacement} otherwise; write $1 to $9 for a group of the pattern, "
            "and put a dollar or a backslash in with replace"
        )
    return _GROUP.sub(r"${\1}", replacement)


def _groups_in(pattern: str | None) -> int:
    try:
        # Escapes of the literal are taken away; what is left has as many groups in every dialect.
        return re.compile((pattern or "").replace("\\\\", "\\")).groups if pattern is not None else 9
    except re.error:
        return 9


def _guarded_groups(value: str) -> str:
    """Return SQL of a text that is put in for what was found and is refused where engines read it otherwise."""
    message = "regexp_replace: a text with a backslash or a dollar is read otherwise by this engine"
    return f"CASE WHEN ({value}) RLIKE '[$\\\\\\\\]' THEN raise_error('{message}') ELSE {value} END"
