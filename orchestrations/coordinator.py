"""The coordinator of one product: settle, open a run, see it through, repeat until nothing is pending."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

from landfall.runs.ids import make_run_id, run_instance
from landfall.runs.work import ProductWork
from orchestrations.context import DurableContext


def product_coordinator(context: DurableContext) -> Generator[Any, Any, None]:
    """Run the runs of one product, one after the other, until a transaction finds nothing pending.

    The lease in SQL lets at most one coordinator of a product be at work. ``open_run`` gives the lease back
    in the transaction that finds nothing pending, so no file can fall between "nothing left" and "gone".
    """
    work = ProductWork.from_payload(context.get_input())
    if work.settle_s > 0:
        # Files that arrive together run together. Asking anew keeps the history small however long they come.
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=work.settle_s))
    run_id = make_run_id(context.instance_id, context.current_utc_datetime)
    opened = yield context.call_activity("open_run", {"product": work.product, "run_id": run_id})
    wait_s = opened.get("wait_s")
    if wait_s is not None:
        context.continue_as_new(ProductWork(work.product, wait_s).to_payload())
        return
    if opened["run_id"] is None:
        return
    yield context.call_sub_orchestrator(
        "run", {"run_id": opened["run_id"]}, instance_id=run_instance(opened["run_id"])
    )
    # What came during the run has settled or not; the next look says.
    context.continue_as_new(ProductWork(work.product, 0).to_payload())
