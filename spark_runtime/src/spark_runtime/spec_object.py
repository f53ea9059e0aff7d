"""Reading the objects of a JSON document so that every fault in it is told at once, with its place."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

_Choice = TypeVar("_Choice", bound=StrEnum)
_Number = TypeVar("_Number", int, float)


class SpecObject:
    """A JSON object that notes every fault with its place and goes on, so that all are told at once."""

    def __init__(self, value: object, place: str, faults: list[str]) -> None:
        self._place = place
        self._faults = faults
        self._asked: set[str] = set()
        self._values: Mapping[str, Any] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            faults.append(f"{place}: must be an object")

    def fault(self, key: str, message: str) -> None:
        self._faults.append(f"{self._place}.{key}: {message}")

    def refuse_unknown(self) -> None:
        for key in self._values.keys() - self._asked:
            self.fault(key, "is not a known key")

    def anything(self, key: str) -> Any:
        self._asked.add(key)
        if key not in self._values:
            self.fault(key, "is missing")
        return self._values.get(key)

    def text(self, key: str, *, optional: bool = False, may_be_empty: bool = False) -> str:
        if optional and self._values.get(key) is None:
            self._asked.add(key)
            return ""
        return str(
            self._typed(
                key, lambda value: isinstance(value, str) and (may_be_empty or value != ""), "a text", ""
            )
        )

    def optional_integer(self, key: str, *, minimum: int = 0) -> int | None:
        if self._values.get(key) is None:
            self._asked.add(key)
            return None
        return self.integer(key, minimum=minimum)

    def integer(self, key: str, *, minimum: int = 0) -> int:
        number: int = self._typed(
            key,
            lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= minimum,
            f"a whole number from {minimum}",
            minimum,
        )
        return number

    def maybe(self, key: str, kind: Callable[[Any], _Number]) -> _Number | None:
        """Return a number from 0, ``None`` where there is none."""
        if self._values.get(key) is None:
            self._asked.add(key)
            return None
        return kind(self._typed(key, _is_number, "a number from 0", 0))

    def integers(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers, empty where there is none."""
        if key not in self._values:
            return ()
        return tuple(
            self._typed(
                key,
                lambda value: isinstance(value, list) and all(_is_number(item) for item in value),
                "a list of whole numbers from 0",
                [],
            )
        )

    def boolean(self, key: str, *, default: bool) -> bool:
        if key not in self._values:
            return default
        return bool(self._typed(key, lambda value: isinstance(value, bool), "true or false", default))

    def mapping(self, key: str, *, optional: bool = False) -> Mapping[str, Any]:
        if optional and self._values.get(key) is None:
            self._asked.add(key)
            return {}
        values: Mapping[str, Any] = self._typed(key, lambda value: isinstance(value, dict), "an object", {})
        return values

    def texts(self, key: str, *, optional: bool = False) -> tuple[str, ...]:
        if optional and self._values.get(key) is None:
            self._asked.add(key)
            return ()
        values: list[str] = self._typed(
            key,
            lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
            "a list of texts",
            [],
        )
        return tuple(values)

    def choice(
        self, key: str, values: type[_Choice], fallback: _Choice, *, optional: bool = False
    ) -> _Choice:
        if optional and self._values.get(key) is None:
            self._asked.add(key)
            return fallback
        value = self.anything(key)
        try:
            return values(value)
        except ValueError:
            if key in self._values:
                self.fault(key, f"{value!r} is not one of {', '.join(values)}")
            return fallback

    def object(self, key: str) -> "SpecObject":
        return SpecObject(self.anything(key), f"{self._place}.{key}", self._faults)

    def optional_object(self, key: str) -> "SpecObject | None":
        if self._values.get(key) is None:
            self._asked.add(key)
            return None
        return self.object(key)

    def objects(self, key: str, *, optional: bool = False) -> "list[SpecObject]":
        if optional and self._values.get(key) is None:
            self._asked.add(key)
            return []
        values: list[Any] = self._typed(key, lambda value: isinstance(value, list), "a list", [])
        return [
            SpecObject(value, f"{self._place}.{key}[{at}]", self._faults) for at, value in enumerate(values)
        ]

    def _typed(self, key: str, fits: Callable[[Any], bool], wanted: str, fallback: Any) -> Any:
        missing = key not in self._values
        value = self.anything(key)
        if missing:
            return fallback
        if not fits(value):
            self.fault(key, f"must be {wanted}")
            return fallback
        return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
