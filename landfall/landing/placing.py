"""Where a local file belongs in the landing zone, after its dataset's pattern."""

from collections.abc import Iterable

from landfall.errors import LandfallError
from landfall.landing.matching import match_dataset
from landfall.spec.model import Dataset, Product

_WILDCARDS = frozenset("*?{")


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
            "`--folder 2013/01`."
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


def _landed_dataset(product: Product, name: str) -> Dataset:
    landed = {dataset.name: dataset for dataset in product.datasets if dataset.landing is not None}
    for dataset_name, dataset in landed.items():
        if dataset_name == name:
            return dataset
    raise UnknownLandedDataset(product.key, name, landed)
