"""What a shell completes: names of products and datasets, and ids of runs, as the target's database has them; states.

A shell waits for the answer and shows nothing else: whatever is not to be had is left out without a word.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial

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


def complete_run_state(incomplete: str) -> list[str]:
    """Return the states of runs that begin so, and ``open`` for those that go on."""
    from landfall.runs.states import RunState

    return _beginning(incomplete, (*RunState, "open"))


def complete_file_state(incomplete: str) -> list[str]:
    """Return the states of landed files that begin so."""
    from landfall.runs.states import FileState

    return _beginning(incomplete, FileState)


def complete_letter_state(incomplete: str) -> list[str]:
    """Return the states of dead letters that begin so, and ``all``."""
    from landfall.landing.dead_letters import LetterState

    return _beginning(incomplete, (*LetterState, "all"))


def complete_held_state(incomplete: str) -> list[str]:
    """Return the states of refused rows that begin so, and ``all``."""
    from landfall.runs.held_rows import HeldState

    return _beginning(incomplete, (*HeldState, "all"))


def complete_request_state(incomplete: str) -> list[str]:
    """Return the states of requests for runs that begin so."""
    from landfall.runs.requests import RequestState

    return _beginning(incomplete, RequestState)


def complete_backfill_state(incomplete: str) -> list[str]:
    """Return the states of backfills that begin so."""
    from landfall.runs.backfills import BackfillState

    return _beginning(incomplete, BackfillState)


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [str(word) for word in words if word.startswith(incomplete)]


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
