"""Addresses of pages: the state of a page stands in its address, so it can be kept, sent and gone back to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

ROOT = "/console"


@dataclass(frozen=True, slots=True)
class Address:
    """A page with its parameters, those that say something.

    Attributes:
        path: Percent-encoded.
    """

    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def given(self, name: str) -> str | None:
        """Return a parameter, ``None`` if the address says nothing of it."""
        return self.parameters.get(name)

    def but(self, **changes: object) -> "Address":
        """Return the address with some parameters changed; ``None`` and empty text take one away."""
        changed = {name: str(value) for name, value in changes.items() if value not in (None, "")}
        kept = {name: value for name, value in self.parameters.items() if name not in changes}
        return Address(self.path, kept | changed)

    def __str__(self) -> str:
        return f"{self.path}?{urlencode(self.parameters)}" if self.parameters else self.path


def page(*parts: object, **parameters: object) -> Address:
    """Return the address of a page of the console: ``page("runs", run_id, view="nodes")``."""
    path = "/".join([ROOT, *(quote(str(part), safe="") for part in parts)])
    return Address(path).but(**parameters)


def product_page(section: str, product: str, *more: object, **parameters: object) -> Address:
    """Return the address of a page of one of a product's things: ``product_page("datasets", "sales/orders", name)``."""
    return page(section, *product.split("/"), *more, **parameters)
