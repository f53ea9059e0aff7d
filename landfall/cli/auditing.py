"""What commands write down that act on the database itself."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from landfall.accounts import actor

if TYPE_CHECKING:
    from landfall.metadata.audit import Doing


def doing_on_database(
    act: str, at: datetime, *, product: str | None = None, subject: str | None = None, **parameters: Any
) -> "Doing":
    """Return an act of the account that runs the command, for the audit log.

    Args:
        product: ``domain/name`` that it concerns; ``None`` for the whole installation.
        subject: What it is done to; the product unless told.
    """
    from landfall.metadata.audit import Doing, Via

    return Doing(
        actor=actor(),
        via=Via.CLI,
        act=act,
        at=at,
        domain=product.partition("/")[0] if product else None,
        subject=subject or product,
        parameters={**({"product": product} if product else {}), **parameters},
    )
