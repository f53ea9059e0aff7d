"""Column types: Spark SQL type names, checked and in one spelling."""

import re

_SIMPLE = {
    "boolean": "boolean", "byte": "tinyint", "tinyint": "tinyint", "short": "smallint", "smallint": "smallint",
    "int": "int", "integer": "int", "long": "bigint", "bigint": "bigint", "float": "float", "real": "float",
    "double": "double", "string": "string", "binary": "binary", "date": "date", "timestamp": "timestamp",
    "timestamp_ltz": "timestamp", "timestamp_ntz": "timestamp_ntz",
}  # fmt: skip
_DECIMALS = ("decimal", "dec", "numeric")
KNOWN_TYPES = (*sorted(set(_SIMPLE.values())), "decimal(p,s)", "array<…>", "map<…,…>", "struct<name:type,…>")
# Stands where a file says a type that there is not, so that nothing is found wrong with its column beside that.
UNKNOWN_TYPE = "struct<unknown_type:string>"
_NESTED = frozenset({"array", "map", "struct"})
_NUMBERS = frozenset({"tinyint", "smallint", "int", "bigint", "float", "double", "decimal"})
_MOMENTS = frozenset({"date", "timestamp", "timestamp_ntz"})
# As Spark with ANSI has them, but for what is or becomes text.
_CASTS = {
    "number": ("number", "boolean", "timestamp"),
    "boolean": ("number", "boolean"),
    "date": ("date", "timestamp", "timestamp_ntz"),
    "timestamp": ("number", "date", "timestamp", "timestamp_ntz"),
    "timestamp_ntz": ("date", "timestamp", "timestamp_ntz"),
    "binary": ("binary",),
}
_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[<>(),:])")
_MAX_PRECISION = 38
_MAX_DEPTH = 16


class UnknownTypeError(ValueError):
    """A text is not a column type; ``word`` is the part of it that is not."""

    def __init__(self, word: str, reason: str) -> None:
        super().__init__(reason)
        self.word = word


def canonical_type(text: str) -> str:
    """Return a type in lower case and in one spelling: ``INTEGER`` is ``int``, ``numeric(9, 2)`` is ``decimal(9,2)``.

    Raises:
        UnknownTypeError: ``text`` is not a type.
    """
    tokens: list[str] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise UnknownTypeError(text, f"'{text}' is not a type")
        tokens.append(match[1])
        position = match.end()
    reader = _Reader(text, tokens)
    result = reader.read_type(depth=0)
    reader.expect_end()
    return result


def has_cast(actual: str, kind: str) -> bool:
    """Return whether Spark has a cast between two types, each in its one spelling."""
    base, target = (re.split(r"[<(]", name)[0] for name in (actual, kind))
    if kind in (actual, "string"):
        return True
    if _NESTED & {base, target}:
        return base == target
    return base == "string" or _family(target) in _CASTS[_family(base)]


def are_compared(left: str, right: str) -> bool:
    """Return whether Spark compares values of two types, each in its one spelling; a text is read as the other."""
    if "map<" in left + right:
        return False
    bases = [re.split(r"[<(]", name)[0] for name in (left, right)]
    if left == right or ("string" in bases and not _NESTED & {*bases}):
        return True
    return compared_as(bases[0]) == compared_as(bases[1])


def compared_as(kind: str) -> str:
    """Return as what values of a type, in its one spelling, are compared with others."""
    return "moment" if kind in _MOMENTS else _family(kind)


def _family(kind: str) -> str:
    return "number" if kind.partition("(")[0] in _NUMBERS else kind


def parts_inside(text: str) -> list[str]:
    """Return what stands between the commas of a type, but for those within inner types."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def part_paths(column: str, kind: str) -> list[str]:
    """Return the paths of a column and of all parts of its type, as quarantined rows name them.

    They are such as ``items``, ``items[]`` and ``items[].price``; ``rates{}`` and ``rates{key}`` of a map.

    Args:
        kind: Its type in its one spelling.
    """
    base, _, rest = kind.partition("<")
    inside = parts_inside(rest[:-1])
    paths = [column]
    if base == "array":
        paths += part_paths(f"{column}[]", inside[0])
    elif base == "map":
        paths += part_paths(f"{column}{{key}}", inside[0]) + part_paths(f"{column}{{}}", inside[1])
    elif base == "struct":
        for field in inside:
            name, _, type_ = field.partition(":")
            paths += part_paths(f"{column}.{name}", type_)
    return paths


class _Reader:
    def __init__(self, text: str, tokens: list[str]) -> None:
        self._text = text
        self._tokens = tokens
        self._next = 0

    def read_type(self, depth: int) -> str:
        if depth > _MAX_DEPTH:
            raise UnknownTypeError(self._text, f"the type is nested deeper than {_MAX_DEPTH} levels")
        word = self._take()
        name = word.lower()
        if name in _SIMPLE:
            return _SIMPLE[name]
        if name in _DECIMALS:
            return self._read_decimal()
        if name in ("varchar", "char"):
            raise UnknownTypeError("string", f"type '{name}' is not kept by Delta tables as such")
        if name == "array":
            self._take("<")
            element = self.read_type(depth + 1)
            self._take(">")
            return f"array<{element}>"
        if name == "map":
            self._take("<")
            key = self.read_type(depth + 1)
            self._take(",")
            value = self.read_type(depth + 1)
            self._take(">")
            return f"map<{key},{value}>"
        if name == "struct":
            return self._read_struct(depth)
        raise UnknownTypeError(name, f"'{word}' is not a column type")

    def expect_end(self) -> None:
        if self._next < len(self._tokens):
            rest = " ".join(self._tokens[self._next :])
            raise UnknownTypeError(self._text, f"'{self._text}' is not a type: '{rest}' is left over")

    def _read_decimal(self) -> str:
        if self._peek() != "(":
            return "decimal(10,0)"
        self._take("(")
        precision = self._take_number()
        scale = 0
        if self._peek() == ",":
            self._take(",")
            scale = self._take_number()
        self._take(")")
        if not 1 <= precision <= _MAX_PRECISION or scale > precision:
            reason = f"decimal({precision},{scale}) needs 1 to {_MAX_PRECISION} digits and no more decimals than that"
            raise UnknownTypeError(self._text, reason)
        return f"decimal({precision},{scale})"

    def _read_struct(self, depth: int) -> str:
        self._take("<")
        fields = []
        seen: set[str] = set()
        while True:
            name = self._take()
            if name.lower() in seen:
                raise UnknownTypeError(
                    self._text, f"'{self._text}' is not a type: field '{name}' comes twice"
                )
            seen.add(name.lower())
            self._take(":")
            fields.append(f"{name}:{self.read_type(depth + 1)}")
            if self._peek() != ",":
                break
            self._take(",")
        self._take(">")
        return f"struct<{','.join(fields)}>"

    def _peek(self) -> str | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, wanted: str | None = None) -> str:
        token = self._peek()
        if token is None or (wanted is not None and token != wanted):
            found = "it ends there" if token is None else f"found '{token}'"
            expected = f"'{wanted}' is missing" if wanted else "a name is missing"
            raise UnknownTypeError(self._text, f"'{self._text}' is not a type: {expected}, {found}")
        self._next += 1
        return token

    def _take_number(self) -> int:
        token = self._take()
        if not token.isdigit() or len(token) > 3:
            raise UnknownTypeError(
                self._text, f"'{self._text}' is not a type: '{token}' is not a number of digits"
            )
        return int(token)
