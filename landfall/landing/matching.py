"""Which dataset a landed path belongs to."""

import re
from functools import lru_cache

from landfall.spec.model import Dataset, Product


def product_of(path: str) -> tuple[str, str] | None:
    """Return ``domain/product`` and the rest of a path in the landing container, or ``None``."""
    parts = path.split("/", 2)
    if len(parts) < 3 or not all(parts):
        return None
    return f"{parts[0]}/{parts[1]}", parts[2]


def match_dataset(product: Product, path: str) -> Dataset | None:
    """Return the landed dataset whose pattern ``path`` meets, or ``None``.

    Args:
        product: A sound product: at most one of its patterns meets any path.
        path: Path below ``landing/{domain}/{product}/``.
    """
    for dataset in product.datasets:
        if dataset.landing is not None and _expression(dataset.landing).fullmatch(path):
            return dataset
    return None


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    """Translate a landing pattern: ``*`` and ``?`` stay within a folder, ``**`` crosses folders."""
    out = []
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern):
        match part:
            case "**/":
                out.append("(?:.*/)?")
            case "**":
                out.append(".*")
            case "*":
                out.append("[^/]*")
            case "?":
                out.append("[^/]")
            case _:
                out.append(re.escape(part))
    return re.compile("".join(out))
