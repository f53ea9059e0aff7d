"""What applying products would change, object by object, for people and for programs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Values longer than this are cut in text; JSON has them whole.
_SHOWN_CHARACTERS = 60


class ChangeKind(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class ProductStatus(StrEnum):
    """What becomes of a product; one that is applied but not given is kept as it is."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NOT_GIVEN = "not_given"


_SIGNS = {ChangeKind.ADDED: "+", ChangeKind.CHANGED: "~", ChangeKind.REMOVED: "-"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        path: Where in the product, for example ``datasets.orders.columns.id.type``.
        before: JSON value, ``None`` for what is added.
        after: JSON value, ``None`` for what is removed.
    """

    kind: ChangeKind
    path: str
    before: Any = None
    after: Any = None

    def line(self) -> str:
        text = f"{_SIGNS[self.kind]} {self.path}"
        if self.kind is ChangeKind.CHANGED:
            return f"{text}: {_shown(self.before)} → {_shown(self.after)}"
        whole = self.before if self.kind is ChangeKind.REMOVED else self.after
        # An object is named by its path; its fields would only hide the other changes.
        return text if isinstance(whole, Mapping) else f"{text}: {_shown(whole)}"

    def to_payload(self) -> dict[str, Any]:
        return {"kind": str(self.kind), "path": self.path, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class ProductDifference:
    """What changes in one product.

    Attributes:
        product: ``domain/product``.
        version: The version it has now, ``None`` if it was never applied.
    """

    product: str
    status: ProductStatus
    version: int | None
    changes: tuple[Change, ...] = ()

    def lines(self) -> tuple[str, ...]:
        match self.status:
            case ProductStatus.ADDED:
                head = f"+ {self.product}: new, becomes version 1"
            case ProductStatus.CHANGED:
                head = f"~ {self.product}: version {self.version} → {(self.version or 0) + 1}"
            case ProductStatus.UNCHANGED:
                head = f"= {self.product}: nothing changes, stays at version {self.version}"
            case ProductStatus.NOT_GIVEN:
                head = (
                    f"? {self.product}: applied at version {self.version}, not in this folder; stays as it is"
                )
        return (head, *(f"  {change.line()}" for change in self.changes))

    def to_payload(self) -> dict[str, Any]:
        return {
            "product": self.product,
            "status": str(self.status),
            "version": self.version,
            "changes": [change.to_payload() for change in self.changes],
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """What applying changes, by product."""

    products: tuple[ProductDifference, ...]

    @property
    def is_empty(self) -> bool:
        """Whether applying would write nothing."""
        return not any(item.status in (ProductStatus.ADDED, ProductStatus.CHANGED) for item in self.products)

    def lines(self) -> tuple[str, ...]:
        """Return the difference as text."""
        return tuple(line for item in self.products for line in item.lines())

    def to_payload(self) -> dict[str, Any]:
        """Return the difference as JSON."""
        return {"products": [item.to_payload() for item in self.products]}


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what differs between two products as ``product_to_payload`` gives them.

    Objects in a list are compared by their names, ports by dataset and version; where only their order
    differs, that is the change.
    """
    return tuple(_changes("", before, after))


def objects_of(payload: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return a new product as additions: one for each named object in it."""
    return tuple(
        Change(ChangeKind.ADDED, f"{part}.{name}", after=item)
        for part, value in payload.items()
        for name, item in (_by_name(value) or {}).items()
    )


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if _canonical(before) == _canonical(after):
        return
    old, new = _children(before, after), _children(after, before)
    if old is None or new is None:
        yield Change(ChangeKind.CHANGED, path, before, after)
        return
    for name, value in old.items():
        if name not in new:
            yield Change(ChangeKind.REMOVED, _joined(path, name), before=value)
    for name, value in new.items():
        if name in old:
            yield from _changes(_joined(path, name), old[name], value)
        else:
            yield Change(ChangeKind.ADDED, _joined(path, name), after=value)
    kept_before = [name for name in old if name in new]
    kept_after = [name for name in new if name in old]
    if isinstance(before, list) and kept_before != kept_after:
        yield Change(ChangeKind.CHANGED, _joined(path, "(order)"), kept_before, kept_after)


def _children(value: Any, other: Any) -> dict[str, Any] | None:
    """Return the parts of ``value`` by which it is compared with ``other``, ``None`` to compare it as a whole."""
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, list) or not isinstance(other, list):
        return None
    if _by_name(value) is not None and _by_name(other) is not None:
        return _by_name(value)
    # Without names nothing says which item became which, unless none came or went.
    return {f"[{index}]": item for index, item in enumerate(value)} if len(value) == len(other) else None


def _by_name(value: Any) -> dict[str, Any] | None:
    """Return the objects of a list by their names, ``None`` if it is no list of named objects."""
    if not isinstance(value, list):
        return None
    named: dict[str, Any] = {}
    for item in value:
        name = _name(item)
        if name is None or name in named:
            return None
        named[name] = item
    return named


def _name(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    if "name" in item:
        return str(item["name"])
    if {"dataset", "version", "contract"} <= item.keys():
        return f"{item['dataset']}@{item['version']}"
    return None


def _joined(path: str, name: str) -> str:
    if not path:
        return name
    return f"{path}{name}" if name.startswith("[") else f"{path}.{name}"


def _canonical(value: Any) -> str:
    # Python holds True to equal 1 and mappings of another order to be equal; JSON and columns do not.
    return json.dumps(value, ensure_ascii=False)


def _shown(value: Any) -> str:
    text = _canonical(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
