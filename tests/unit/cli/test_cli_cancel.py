"""A cancel while the function app is down: on record at once, in effect when the app is back."""

from landfall.metadata.engine import Database
from landfall.runs.closing import cancelled_runs
from landfall.runs.ids import RunID
from landfall.runs.queries import get_run
from tests.builders import a_product, a_transformation
from tests.unit.cli.conftest import Command, apply, open_a_run


def test_a_cancel_is_on_record_although_the_app_is_down(database: Database, landfall: Command) -> None:
    apply(database, a_product(a_transformation()))
    run_id = open_a_run(database, "20260101-120000-aaaa")

    first = landfall("runs", "cancel", "@last")
    again = landfall("runs", "cancel", "@last")

    assert (first.code, again.code) == (0, 0)
    assert "LF6302" not in first.out
    assert "takes effect when the function app answers again" in first.err
    assert [run.run_id for run in database.read(cancelled_runs)] == [run_id]
    assert database.read(lambda c: get_run(c, RunID(run_id))).run.open_nodes == 0
