"""Checks of service levels: that they are about something, and can be met and missed."""

from landfall.spec.draft import Draft
from landfall.spec.faults import nearest_remedy
from landfall.spec.model import Product

_MINUTE_S = 60.0
_YEAR_S = 366 * 86_400.0


def check_service_levels(draft: Draft, product: Product) -> None:
    """Add to the draft what is wrong with the service levels of a product."""
    datasets = [str(dataset.name) for dataset in product.datasets]
    for index, level in enumerate(product.service_levels):
        part = "freshness" if level.dataset is not None else "success"
        if level.dataset is not None and level.dataset not in {*datasets, *draft.faulty_names}:
            draft.report(
                ("service_levels", index, part, "dataset"),
                "LF1042",
                f"no dataset '{level.dataset}'",
                nearest_remedy(level.dataset, datasets),
            )
        # Objectives are looked at once a minute; further back than a year nobody remembers.
        if not _MINUTE_S <= level.window_s <= _YEAR_S:
            draft.report(
                ("service_levels", index, part, "max_age" if level.dataset is not None else "over"),
                "LF1061",
                f"service level '{level.name}' looks at {round(level.window_s)} seconds",
                "write between 1m and 366d",
            )
