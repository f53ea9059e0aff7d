"""What a log line is about: run, node, product and trace, behind its text.

A worker of Azure Functions hands the text of a line to its host and nothing else; so what joins a line to its run
stands in the text, and every sink has it.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from landfall.telemetry import run_span

# Runs whose product a process remembers.
_MOST_PRODUCTS = 10_000

_about: ContextVar[Mapping[str, str]] = ContextVar("landfall_log_context", default=MappingProxyType({}))
_products: "OrderedDict[str, str]" = OrderedDict()


@contextmanager
def about(*, run: str | None = None, node: str | None = None, product: str | None = None) -> Iterator[None]:
    """Let every line that is logged within say what it is about; what is given already stays.

    Args:
        product: ``domain/name``; left out, it is that of the run, if this process has met it before.
    """
    names: dict[str, str] = dict(_about.get())
    if run is not None:
        if product is not None:
            _remember(run, product)
        product = product or _products.get(run)
    given = {"product": product, "run": run, "node": node}
    names |= {name: value for name, value in given.items() if value is not None}
    if run is not None:
        names["trace"] = run_span(run).trace
    token = _about.set(names)
    try:
        yield
    finally:
        _about.reset(token)


def remember_product(run: str, product: str) -> None:
    """Keep whose run it is, for this line and for later ones that know the run only."""
    _remember(run, product)
    names = _about.get()
    if names.get("run") == run:
        # The block that is open already belongs to the same run.
        _about.set({"product": product, **names})


def install() -> None:
    """Put the names behind the text of every line of this process; asked for again, it changes nothing."""
    made = logging.getLogRecordFactory()
    if getattr(made, "is_about", False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = made(*args, **kwargs)
        names = _about.get()
        if names:
            told = " ".join(f"{name}={value}" for name, value in names.items())
            # Formatted here, so that no name is taken for a place where an argument goes.
            record.msg, record.args = f"{record.getMessage()} [{told}]", ()
        return record

    make.is_about = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)


def _remember(run: str, product: str) -> None:
    _products[run] = product
    if len(_products) > _MOST_PRODUCTS:
        _products.popitem(last=False)
