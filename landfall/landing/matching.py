"""Which dataset a landed path belongs to, and what the path says about the file."""

from collections.abc import Mapping
from dataclasses import dataclass

from landfall.spec.landing_patterns import CapturedValue, match_path, table_of
from landfall.spec.model import Dataset, Product
from landfall.spec.pattern_language import is_more_specific


@dataclass(frozen=True, slots=True)
class Match:
    """The dataset that a path belongs to, and the values that its pattern takes from the path, by name."""

    dataset: Dataset
    captured: Mapping[str, CapturedValue]


def product_of(path: str) -> tuple[str, str] | None:
    """Return ``domain/product`` and the rest of a path in the landing container, or ``None``."""
    parts = path.split("/", 2)
    if len(parts) < 3 or not all(parts):
        return None
    return f"{parts[0]}/{parts[1]}", parts[2]


def match_file(product: Product, path: str) -> Match | None:
    """Return what ``path`` belongs to: the dataset with the most specific of the patterns that it meets.

    Args:
        product: A sound product: of two of its patterns that meet one path, one is more specific.
        path: Path below ``landing/{domain}/{product}/``.
    """
    best: Match | None = None
    for dataset in product.datasets:
        captured = match_path(dataset.landing, path) if dataset.landing is not None else None
        if captured is None:
            continue
        if best is None or is_more_specific(dataset.landing or "", best.dataset.landing or ""):
            best = Match(dataset, captured)
    return best


def landed_table(product: Product, path: str) -> str | None:
    """Return the dataset in whose landed Delta table a file lies, ``None`` if it lies in none.

    Args:
        path: Path below ``landing/{domain}/{product}/``.
    """
    for dataset in product.datasets:
        table = table_of(dataset.landing or "")
        if table is not None and match_path(f"{table}/**/*", path) is not None:
            return dataset.name
    return None


def match_dataset(product: Product, path: str) -> Dataset | None:
    """Return the dataset that ``match_file`` finds, or ``None``."""
    found = match_file(product, path)
    return found.dataset if found else None
