"""Where a local file belongs in the landing zone, after its dataset's pattern."""

import re
from collections.abc import Iterable
from pathlib import Path

from landfall.errors import LandfallError
from landfall.landing.matching import match_dataset
from landfall.spec.landing_patterns import a_path, table_of
from landfall.spec.model import Dataset, Product

_WILDCARDS = frozenset("*?{")
_COMMIT = re.compile(r"[0-9]{20}\.json")


class UnknownLandedDataset(LandfallError):
    """Files are to land for a dataset that takes none."""

    code = "LF3110"

    def __init__(self, product: str, dataset: str, known: Iterable[str]) -> None:
        super().__init__(
            f"{product} has no dataset {dataset!r} into which files land. Files land for "
            f"{', '.join(known) or 'none of its datasets'}."
        )
        self.dataset = dataset


class FolderNotGiven(LandfallError):
    """A pattern leaves open into which folder a file goes."""

    code = "LF3111"

    def __init__(self, dataset: str, pattern: str) -> None:
        super().__init__(
            f"{dataset}: the landing path {pattern!r} leaves the folder open. Say it with `--folder`, for example "
            f"`--folder {a_path(pattern).rpartition('/')[0]}`."
        )
        self.pattern = pattern


class FileDoesNotFit(LandfallError):
    """A file would land where its dataset does not look."""

    code = "LF3112"

    def __init__(self, path: str, dataset: str, pattern: str, taken_by: str | None) -> None:
        fate = f"would be taken in by {taken_by}" if taken_by else "would be kept as unmatched"
        super().__init__(
            f"{path!r} does not match the landing path {pattern!r} of {dataset} and {fate}. Rename the file, or "
            "change the pattern and apply the product."
        )
        self.path = path


def landing_place(product: Product, dataset_name: str, file_name: str, *, folder: str | None = None) -> str:
    """Return the path below ``landing/{domain}/{product}/`` at which a file lands for a dataset.

    Args:
        file_name: Name of the local file, without a folder.
        folder: Folder to land in; ``None`` takes it from the pattern, which then must name one.

    Raises:
        UnknownLandedDataset: The product has no such dataset, or no files land for it.
        FolderNotGiven: The pattern has a wildcard in its folder and ``folder`` is ``None``.
        FileDoesNotFit: The file's path would not match the dataset's pattern.
    """
    dataset = _landed_dataset(product, dataset_name)
    pattern = dataset.landing or ""
    if folder is None:
        folder = pattern.rpartition("/")[0]
        if _WILDCARDS.intersection(folder):
            raise FolderNotGiven(dataset_name, pattern)
    path = f"{folder.strip('/')}/{file_name}".lstrip("/")
    match = match_dataset(product, path)
    if match is None or match.name != dataset.name:
        raise FileDoesNotFit(path, dataset_name, pattern, match.name if match else None)
    return path


class NotATable(LandfallError):
    """Something else than the folder of a Delta table is to land where such tables land, or the other way round."""

    code = "LF3113"

    def __init__(self, dataset: str, given: Path, why: str) -> None:
        super().__init__(f"{dataset}: '{given}' cannot land there: {why}.")
        self.dataset = dataset


def table_places(
    product: Product, dataset_name: str, table: Path, *, folder: str | None = None
) -> list[tuple[Path, str]]:
    """Return the files of a Delta table and the paths at which they land, commits last and in their order.

    A commit that came before the files it names would be read without them.

    Args:
        table: The table's own folder.
        folder: Folder to land in; ``None`` takes it from the pattern, which then must name one.

    Raises:
        UnknownLandedDataset: The product has no such dataset, or no files land for it.
        FolderNotGiven: The pattern has a wildcard in its folder and ``folder`` is ``None``.
        FileDoesNotFit: A commit's path would not match the dataset's pattern.
        NotATable: The dataset takes no Delta tables, or this is none.
    """
    pattern = table_of(_landed_dataset(product, dataset_name).landing or "")
    if pattern is None:
        raise NotATable(dataset_name, table, "it is a folder, and files land there; name the files")
    commits = sorted(path for path in (table / "_delta_log").glob("*.json") if _COMMIT.fullmatch(path.name))
    if not commits:
        raise NotATable(dataset_name, table, "it has no commit in _delta_log, so it is no Delta table")
    log = None if folder is None else f"{folder.strip('/')}/_delta_log"
    placed = [(path, landing_place(product, dataset_name, path.name, folder=log)) for path in commits]
    root = placed[0][1].removesuffix(f"/_delta_log/{commits[0].name}")
    data = sorted(path for path in table.rglob("*") if path.is_file() and _is_data(path.relative_to(table)))
    return [*((path, f"{root}/{path.relative_to(table).as_posix()}") for path in data), *placed]


def _is_data(path: Path) -> bool:
    return not any(name.startswith(("_", ".")) for name in path.parts)


def _landed_dataset(product: Product, name: str) -> Dataset:
    landed = {dataset.name: dataset for dataset in product.datasets if dataset.landing is not None}
    for dataset_name, dataset in landed.items():
        if dataset_name == name:
            return dataset
    raise UnknownLandedDataset(product.key, name, landed)
