"""What a shell completes: names of products and datasets, and ids of runs, as the target's database has them; states.

A shell waits for the answer and shows nothing else: whatever is not to be had is left out without a word.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from functools import partial
from importlib import import_module

import typer

from landfall.cli.project import Invocation
from landfall.errors import LandfallError

_NEWEST_RUNS = 30


def complete_product(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the products that begin so, each with its description."""
    found = {
        name: description for name, description in _products(_here(context)) if name.startswith(incomplete)
    }
    return sorted(found.items())


def complete_dataset(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the datasets that begin so, under their names alone or, behind a slash, with their product's."""
    found: dict[str, str] = {}
    with suppress(LandfallError):
        from landfall.metadata.catalog import get_current_product, list_products

        database = _here(context).database()
        for entry in database.read(list_products):
            product = database.read(partial(get_current_product, key=entry.key)).product
            for dataset in product.datasets:
                name = f"{entry.key}.{dataset.name}" if "/" in incomplete else str(dataset.name)
                found[name] = f"{dataset.layer}, {entry.key}"
    return sorted((name, told) for name, told in found.items() if name.startswith(incomplete))


def complete_run(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return ``@last`` and the newest runs that begin so, each with its product and state."""
    found = [("@last", "the newest run")]
    with suppress(LandfallError):
        from landfall.runs.run_list import RunFilter, find_runs

        wanted = RunFilter(begins=incomplete or None)
        database = _here(context).database()
        runs = database.read(lambda connection: find_runs(connection, wanted, limit=_NEWEST_RUNS))
        found += [(str(run.run_id), f"{run.product}, {run.state}") for run in runs.items]
    return [(name, told) for name, told in found if name.startswith(incomplete)]


def complete_subject(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the datasets and runs that begin so."""
    return [*complete_dataset(context, incomplete), *complete_run(context, incomplete)]


def completing(words: str, *more: str) -> Callable[[str], list[str]]:
    """Return what completes one of a few words.

    Args:
        words: Where the enumeration of them is, ``module:name``; it is imported when a shell asks, for verbs are
            listed by every command and must not load what they act on.
        more: Words beside them.
    """

    def complete(incomplete: str) -> list[str]:
        module, _, name = words.partition(":")
        kind: type[StrEnum] = getattr(import_module(module), name)
        return [str(word) for word in (*kind, *more) if word.startswith(incomplete)]

    return complete


complete_run_state = completing("landfall.runs.states:RunState", "open")
complete_file_state = completing("landfall.runs.states:FileState")
complete_letter_state = completing("landfall.landing.dead_letters:LetterState", "all")
complete_held_state = completing("landfall.runs.held_rows:HeldState", "all")
complete_request_state = completing("landfall.runs.requests:RequestState")
complete_backfill_state = completing("landfall.runs.backfills:BackfillState")


def _products(here: Invocation) -> Iterator[tuple[str, str]]:
    with suppress(LandfallError):
        for file in here.folder().glob("data_products/*/*/product.yml"):
            yield f"{file.parts[-3]}/{file.parts[-2]}", "in this project"
    with suppress(LandfallError):
        from landfall.metadata.catalog import list_products

        for entry in here.database().read(list_products):
            yield entry.key, " ".join(entry.description.split()) or "applied"


def _here(context: typer.Context) -> Invocation:
    # While a shell completes, no verb runs, so nobody has stored what stands before it.
    said = context.find_root().params
    return Invocation(project_folder=said.get("project"), target_name=said.get("target"))
