"""Sets of files that are taken in together: complete, late, corrected, and never in silence."""

import pytest

from landfall.landing.dead_letters import list_dead_letters
from landfall.metadata.alarms import list_alarms
from landfall.spec.model import CompleteSet, Product
from tests.builders import a_landed_dataset, a_product, a_transformation
from tests.integration.landing.conftest import Zone

DAILY = "daily/{day:date}/*.csv"


def a_product_with(complete: CompleteSet, landing: str = DAILY) -> Product:
    dataset = a_landed_dataset("orders_landed", landing=landing, complete=complete)
    return a_product(a_transformation(), landed=[dataset])


async def test_files_wait_for_the_marker_of_their_set(zone: Zone) -> None:
    zone.apply(a_product_with(CompleteSet(3600, marker="daily/{day:date}/_SUCCESS")))

    await zone.land("sales/orders/daily/2026-01-01/a.csv", "sales/orders/daily/2026-01-01/b.csv")
    await zone.land("sales/orders/daily/2026-01-02/a.csv")
    waiting = zone.files()
    before = zone.coordinators()
    await zone.land("sales/orders/daily/2026-01-01/_SUCCESS", content=b"")

    assert set(waiting.values()) == {"waiting"}
    assert before == set()
    assert zone.coordinators() == {"product-sales-orders"}
    assert zone.files() == {
        "daily/2026-01-01/a.csv": "pending",
        "daily/2026-01-01/b.csv": "pending",
        "daily/2026-01-02/a.csv": "waiting",
        "daily/2026-01-01/_SUCCESS": "done",
    }


async def test_a_marker_may_come_before_the_events_of_its_files(zone: Zone) -> None:
    zone.apply(a_product_with(CompleteSet(3600, marker="daily/{day:date}/_SUCCESS")))

    event = zone.write("sales/orders/daily/2026-01-01/a.csv")
    await zone.land("sales/orders/daily/2026-01-01/_SUCCESS", content=b"")
    await zone.send(event)

    assert zone.files()["daily/2026-01-01/a.csv"] == "pending"


async def test_a_correction_of_a_complete_set_runs_by_itself(zone: Zone) -> None:
    zone.apply(a_product_with(CompleteSet(3600, count=2)))
    await zone.land("sales/orders/daily/2026-01-01/a.csv", "sales/orders/daily/2026-01-01/b.csv")
    await zone.open_run("r1")

    await zone.land("sales/orders/daily/2026-01-01/a.csv")

    assert zone.files()["daily/2026-01-01/a.csv"] == "pending"


async def test_without_a_key_sets_follow_one_another(zone: Zone) -> None:
    zone.apply(a_product_with(CompleteSet(3600, names=("a.csv", "b.csv")), landing="latest/*.csv"))

    await zone.land("sales/orders/latest/a.csv", "sales/orders/latest/b.csv")
    first = zone.files()
    zone.pass_time(minutes=1)
    await zone.open_run("r1")
    await zone.land("sales/orders/latest/a.csv")

    assert first == {"latest/a.csv": "pending", "latest/b.csv": "pending"}
    assert zone.files()["latest/a.csv"] == "waiting"


async def test_what_was_written_after_a_marker_belongs_to_the_next_set(zone: Zone) -> None:
    zone.apply(a_product_with(CompleteSet(3600, marker="latest/done.txt"), landing="latest/*.csv"))

    first = zone.write("sales/orders/latest/a.csv")
    zone.pass_time(seconds=1)
    marker = zone.write("sales/orders/latest/done.txt", b"")
    zone.pass_time(seconds=1)
    second = zone.write("sales/orders/latest/b.csv")
    await zone.send(second, marker, first)

    assert zone.files() == {
        "latest/b.csv": "waiting",
        "latest/done.txt": "done",
        "latest/a.csv": "pending",
    }


@pytest.mark.parametrize(
    "manifest",
    [
        b'["a.csv", "b.csv"]',
        b'{"files": [{"name": "a.csv"}, {"path": "2026-01-01/b.csv"}]}',
        b"a.csv\nb.csv\n",
    ],
)
async def test_a_manifest_lists_what_a_set_consists_of(zone: Zone, manifest: bytes) -> None:
    zone.apply(a_product_with(CompleteSet(3600, manifest="daily/{day:date}/manifest.json")))

    await zone.land("sales/orders/daily/2026-01-01/a.csv")
    await zone.land("sales/orders/daily/2026-01-01/manifest.json", content=manifest)
    before = zone.files()["daily/2026-01-01/a.csv"]
    await zone.land("sales/orders/daily/2026-01-01/b.csv")

    assert before == "waiting"
    assert zone.files()["daily/2026-01-01/a.csv"] == zone.files()["daily/2026-01-01/b.csv"] == "pending"


async def test_a_manifest_that_lists_nothing_is_kept_with_the_reason(zone: Zone) -> None:
    zone.apply(a_product_with(CompleteSet(3600, manifest="daily/{day:date}/manifest.json")))

    await zone.land("sales/orders/daily/2026-01-01/manifest.json", content=b'{"rows": 3}')

    (letter,) = zone.database.read(list_dead_letters).items
    assert letter.error_code == "LF3120"
    assert "daily/2026-01-01/manifest.json" in letter.reason


async def test_what_is_missing_at_the_deadline_is_one_alarm_that_ends_with_its_cause(zone: Zone) -> None:
    zone.apply(a_product_with(CompleteSet(3600, names=("a.csv", "b.csv", "c.csv"))))
    await zone.land("sales/orders/daily/2026-01-01/a.csv")

    zone.pass_time(minutes=59)
    await zone.tick()
    early = zone.database.read(list_alarms).items
    zone.pass_time(minutes=2)
    await zone.tick()
    await zone.tick()
    raised = zone.database.read(list_alarms).items
    await zone.land("sales/orders/daily/2026-01-01/b.csv", "sales/orders/daily/2026-01-01/c.csv")
    cleared = zone.database.read(list_alarms).items

    assert early == cleared == ()
    (alarm,) = raised
    assert (alarm.name, alarm.product) == ("landing_set_incomplete", "sales/orders")
    assert alarm.subject == "sales/orders.orders_landed 2026-01-01"
    assert "b.csv, c.csv did not come; 1 file waits" in alarm.detail
    assert zone.files()["daily/2026-01-01/a.csv"] == "pending"


async def test_a_set_whose_dataset_waits_no_more_is_released_at_its_deadline(zone: Zone) -> None:
    zone.apply(a_product_with(CompleteSet(60, count=5)))
    await zone.land("sales/orders/daily/2026-01-01/a.csv")
    zone.apply(a_product(a_transformation(), landed=[a_landed_dataset("orders_landed", landing=DAILY)]))

    zone.pass_time(minutes=2)
    await zone.tick()

    assert zone.files() == {"daily/2026-01-01/a.csv": "pending"}
    assert zone.coordinators() == {"product-sales-orders"}


async def test_an_overwritten_file_counts_once(zone: Zone) -> None:
    zone.apply(a_product_with(CompleteSet(3600, count=2)))

    await zone.land(*["sales/orders/daily/2026-01-01/a.csv"] * 3)

    assert zone.files() == {"daily/2026-01-01/a.csv": "waiting"}
