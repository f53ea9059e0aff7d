"""What there is by what somebody types: products, datasets, runs and files."""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from landfall.landing.queries import FileFilter, list_files
from landfall.metadata.catalog import find_names
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.runs.run_list import RunFilter, find_runs


class Kind(StrEnum):
    PRODUCT = "product"
    DATASET = "dataset"
    RUN = "run"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Found:
    """Something that was found.

    Attributes:
        key: What tells it from all others of its kind: ``domain/product``, ``domain/product.dataset``, a run's id, a
            file's number.
        name: What people call it.
        about: What else tells it apart.
    """

    kind: Kind
    key: str
    name: str
    about: str


def find(
    connection: sa.Connection, text: str, *, scope: Scope = EVERYTHING, limit: int = 6
) -> tuple[Found, ...]:
    """Return products and datasets with a text in their names, and runs and files whose names begin with it.

    Args:
        limit: Of each kind.
    """
    if not text:
        return ()
    names = find_names(connection, text, scope=scope, limit=limit)
    runs = find_runs(connection, RunFilter(begins=text), scope=scope, limit=limit)
    files = list_files(connection, FileFilter(name=text), scope=scope, limit=limit)
    return (
        *(
            Found(Kind.PRODUCT, product, product, "")
            if dataset is None
            else Found(Kind.DATASET, f"{product}.{dataset}", dataset, product)
            for product, dataset in names
        ),
        *(Found(Kind.RUN, run.run_id, run.run_id, f"{run.product}, {run.state}") for run in runs.items),
        *(
            Found(Kind.FILE, str(file.file_id), file.name, f"{file.dataset or 'no dataset'}, {file.state}")
            for file in files.items
        ),
    )
