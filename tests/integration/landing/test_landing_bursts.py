"""Many files at once give few runs, and none waits for ever."""

from datetime import timedelta

from landfall.landing.intake import take_in
from landfall.landing.ledger import Gathering
from landfall.runs.opening import settle_wait_s
from landfall.spec.model import RunSettings
from tests.builders import a_blob_event, a_product, a_transformation
from tests.integration.landing.conftest import START, Zone

FILES = 5_000


async def test_five_thousand_files_in_a_minute_give_few_runs(zone: Zone) -> None:
    zone.apply(a_product(a_transformation(), run=RunSettings(settle_s=5, max_wait_s=30, max_files=2_000)))
    runs = 0
    look_at = START
    waits: list[float] = []

    # One coordinator, as in the function app: it looks when a wait is over, and runs take no time here.
    for number in range(FILES):
        zone.clock = START + timedelta(seconds=60 * number / FILES)
        event = a_blob_event(f"sales/orders/orders_landed/{number}.csv", etag=f"0x{number}")
        zone.database.transact(lambda c, e=event, now=zone.clock: take_in(c, e, now=now))  # type: ignore[misc]
        if zone.clock >= look_at:
            opened = await zone.open_run(f"r{runs}")
            runs += _ended(zone, opened["run_id"])
            waits.append(opened["wait_s"] or 5)
            look_at = zone.clock + timedelta(seconds=waits[-1])
    while "pending" in set(zone.files().values()):
        zone.pass_time(seconds=30)
        runs += _ended(zone, (await zone.open_run(f"r{runs}"))["run_id"])

    assert 3 <= runs <= 6
    # Asking costs one activity each time: the history of a coordinator grows by none of the files.
    assert len(waits) < 30
    assert set(zone.files().values()) == {"rejected"}


def test_files_wait_for_quiet_but_no_longer_than_allowed() -> None:
    settings = RunSettings(settle_s=5, max_wait_s=20, max_files=100)

    def wait_s(count: int, first_s: float, last_s: float) -> float:
        gathering = Gathering(count, START - timedelta(seconds=first_s), START - timedelta(seconds=last_s))
        return settle_wait_s(gathering, settings, now=START)

    assert wait_s(1, 0, 0) == 5
    assert wait_s(50, 12, 2) == 3
    assert wait_s(50, 18, 0) == 2
    assert wait_s(50, 21, 0) == 0
    assert wait_s(100, 0, 0) == 0
    assert wait_s(1, -3600, -3600) == 5


def _ended(zone: Zone, run_id: str | None) -> int:
    """Let a run end at once, as a cancelled one; return whether there was one."""
    if run_id is None:
        return 0
    from landfall.runs.closing import cancel_run, close_run, start_run
    from landfall.runs.ids import RunID

    zone.database.transact(lambda c: start_run(c, RunID(run_id), now=zone.clock))
    zone.database.transact(lambda c: cancel_run(c, RunID(run_id), actor="ada", now=zone.clock))
    zone.database.transact(lambda c: close_run(c, RunID(run_id), now=zone.clock))
    return 1
