"""What becomes of each kind of storage event, however it comes."""

import json

import pytest
import sqlalchemy as sa

from activities.events import EventActivities
from activities.landed import FilesVanished, newer_versions_of
from activities.nodes import NodeActivities
from landfall.landing.dead_letters import LetterFilter, LetterState, list_dead_letters
from landfall.landing.ledger import ClaimedFile, claim_newer_versions, claimed_files
from landfall.metadata.tables import landed_files
from landfall.runs.ids import RunID
from landfall.spec.landing_patterns import commits_of
from tests.builders import a_landed_dataset, a_product, a_transformation
from tests.integration.landing.conftest import BLOBS, Zone


async def test_names_that_writers_leave_beside_their_files_are_passed_over(zone: Zone) -> None:
    zone.apply(a_product(a_transformation(), landed=[a_landed_dataset("orders_landed", landing="**/*")]))

    await zone.land(
        "sales/orders/a.csv",
        "sales/orders/_temporary/0/a.csv",
        "sales/orders/.a.csv.crc",
        "sales/orders/a.csv.tmp",
        "sales/orders/x/_SUCCESS",
        "sales/orders/folder/",
    )

    assert zone.files() == {"a.csv": "pending"}


async def test_of_a_delta_table_the_commits_are_taken_in_and_nothing_else(zone: Zone) -> None:
    stock = a_landed_dataset("stock_landed", landing=commits_of("stock"))
    orders = a_landed_dataset("orders_landed", landing="**/*.json")
    zone.apply(a_product(a_transformation(), landed=[orders, stock]))
    log = "sales/orders/stock/_delta_log"

    await zone.land(
        "sales/orders/stock/day=2026-01-31/a.parquet",
        f"{log}/00000000000000000000.json",
        f"{log}/00000000000000000000.checkpoint.parquet",
        f"{log}/00000000000000000000.00000000000000000001.compacted.json",
        f"{log}/_last_checkpoint",
        "sales/orders/elsewhere/_delta_log/00000000000000000000.json",
        "sales/orders/elsewhere/a.parquet",
    )

    assert zone.files() == {
        "stock/_delta_log/00000000000000000000.json": "pending",
        "elsewhere/a.parquet": "unmatched",
    }


async def test_a_cloud_event_and_a_batch_say_the_same(zone: Zone) -> None:
    zone.apply(a_product(a_transformation()))
    first, second = (zone.write(f"sales/orders/orders_landed/{name}.csv") for name in "ab")
    cloud = {**second, "specversion": "1.0", "type": second["eventType"], "time": second["eventTime"]}
    del cloud["eventType"], cloud["eventTime"]

    await EventActivities(zone).on_message(json.dumps([first, cloud, first]), zone.instances)

    assert set(zone.files().values()) == {"pending"}
    assert len(zone.files()) == 2


async def test_what_is_no_event_is_kept_listed_and_replayed_once_it_can_be(zone: Zone) -> None:
    events = EventActivities(zone)
    await events.on_message("no json", zone.instances)
    await events.on_message('{"eventType": "Microsoft.Storage.BlobCreated", "data": 7}', zone.instances)
    await events.on_message("no json", zone.instances)
    renamed = _renamed("sales/orders/orders_landed/_a.csv", "sales/orders/orders_landed/a.csv")
    await zone.send(renamed)
    letters = zone.database.read(list_dead_letters).items

    zone.apply(a_product(a_transformation()))
    zone.write("sales/orders/orders_landed/a.csv")
    ids = [letter.letter_id for letter in letters]
    answers = await events.replay(ids, zone.instances, actor="ada")

    assert [letter.event_count for letter in letters] == [1, 1, 2]
    assert [answer.state for answer in answers] == ["dead", "dead", "replayed"]
    assert zone.files() == {"orders_landed/a.csv": "pending"}
    (done,) = zone.database.read(lambda c: list_dead_letters(c, LetterFilter(LetterState.REPLAYED))).items
    assert done.ended_by == "ada"


async def test_a_renamed_file_is_taken_in_where_it_is_and_not_where_it_was(zone: Zone) -> None:
    zone.apply(a_product(a_transformation(), landed=[a_landed_dataset("orders_landed", landing="**/*.csv")]))
    await zone.land("sales/orders/in/a.csv")
    zone.lake.blobs["sales/orders/out/a.csv"] = zone.lake.blobs.pop("sales/orders/in/a.csv")

    await zone.send(_renamed("sales/orders/in/a.csv", "sales/orders/out/a.csv"))

    assert zone.files() == {"in/a.csv": "rejected", "out/a.csv": "pending"}


async def test_a_renamed_folder_brings_all_its_files(zone: Zone) -> None:
    zone.apply(a_product(a_transformation(), landed=[a_landed_dataset("orders_landed", landing="**/*.csv")]))
    for name in "ab":
        zone.write(f"sales/orders/2026/{name}.csv")

    await zone.send(_renamed("sales/orders/_tmp", "sales/orders/2026", kind="DirectoryRenamed"))

    assert zone.files() == {"2026/a.csv": "pending", "2026/b.csv": "pending"}


async def test_a_deletion_reaches_what_waits_and_never_what_was_claimed(zone: Zone) -> None:
    zone.apply(a_product(a_transformation()))
    await zone.land("sales/orders/orders_landed/claimed.csv")
    zone.pass_time(minutes=1)
    await zone.open_run("r1")
    await zone.land("sales/orders/orders_landed/waiting.csv")

    for name in ("claimed", "waiting"):
        await zone.send(_deleted(f"sales/orders/orders_landed/{name}.csv"))

    assert zone.files() == {"orders_landed/claimed.csv": "claimed", "orders_landed/waiting.csv": "rejected"}


async def test_overwriting_a_claimed_file_gives_exactly_one_ingestion_of_what_is_there(zone: Zone) -> None:
    zone.apply(a_product(a_transformation()))
    path = "sales/orders/orders_landed/a.csv"
    await zone.land(path)
    zone.pass_time(minutes=1)
    await zone.open_run("r1")
    late = zone.write(path, b"id\n1\n2\n")

    claimed = zone.database.read(lambda c: claimed_files(c, RunID("r1"), "orders_landed"))
    newer = newer_versions_of(zone.lake, claimed)
    for _ in range(2):
        zone.database.transact(lambda c: claim_newer_versions(c, RunID("r1"), newer, now=zone.clock))
    await zone.send(late)

    rows = zone.database.read(lambda c: c.execute(sa.select(landed_files)).all())
    assert {row.ETag: (row.State, row.RunID) for row in rows} == {
        "0x1": ("rejected", "r1"),
        "0x2": ("claimed", "r1"),
    }


MANY = 100


@pytest.mark.parametrize(("of_former_runs", "looks"), [(0, 1), (20 * MANY, MANY)])
async def test_many_files_of_a_run_are_looked_at_by_one_listing_unless_it_shows_more_than_it_saves(
    zone: Zone, of_former_runs: int, looks: int
) -> None:
    for number in range(of_former_runs):
        zone.write(f"sales/orders/in/a{number:05}.csv")
    paths = [f"sales/orders/in/b{number:05}.csv" for number in range(MANY)]
    events = [zone.write(path) for path in paths]
    claimed = [ClaimedFile(event["data"]["url"], event["data"]["eTag"], 5) for event in events]
    zone.write(paths[7], b"id\n1\n2\n")
    zone.write(paths[8], b"")

    newer = newer_versions_of(zone.lake, claimed)

    assert [(file.url.rpartition("/")[2], file.size_bytes) for file in newer] == [
        ("b00007.csv", 7),
        ("b00008.csv", 0),
    ]
    # An empty file is in no listing.
    assert len(zone.lake.looked_at) == looks


async def test_of_many_files_those_that_have_gone_are_named(zone: Zone) -> None:
    events = [zone.write(f"sales/orders/in/{number:05}.csv") for number in range(MANY)]
    claimed = [ClaimedFile(event["data"]["url"], event["data"]["eTag"], 5) for event in events]
    del zone.lake.blobs["sales/orders/in/00042.csv"]

    with pytest.raises(FilesVanished, match=r"1 of 100 claimed files .* sales/orders/in/00042\.csv"):
        newer_versions_of(zone.lake, claimed)


def _renamed(source: str, target: str, *, kind: str = "BlobRenamed") -> dict[str, object]:
    return {
        "eventType": f"Microsoft.Storage.{kind}",
        "subject": f"/blobServices/default/containers/landing/blobs/{target}",
        "eventTime": "2026-01-05T12:00:00Z",
        "data": {
            "api": "RenameFile",
            "sourceUrl": f"{BLOBS}/{source}",
            "destinationUrl": f"{BLOBS}/{target}",
            "sequencer": f"{10**6:020}",
        },
    }


def _deleted(path: str) -> dict[str, object]:
    return {
        "eventType": "Microsoft.Storage.BlobDeleted",
        "subject": f"/blobServices/default/containers/landing/blobs/{path}",
        "eventTime": "2026-01-05T12:00:00Z",
        "data": {"api": "DeleteBlob", "url": f"{BLOBS}/{path}", "sequencer": f"{10**6:020}"},
    }


async def test_a_claimed_file_that_has_gone_fails_its_node_with_that_reason(zone: Zone) -> None:
    zone.apply(a_product(a_transformation()))
    await zone.land("sales/orders/orders_landed/a.csv", "sales/orders/orders_landed/b.csv")
    zone.pass_time(minutes=1)
    await zone.open_run("r1")
    del zone.lake.blobs["sales/orders/orders_landed/b.csv"]

    work = {"run_id": "r1", "key": "ingest.orders_landed"}
    outcome = NodeActivities(zone).submit_job(work)

    assert (outcome["end"], outcome["retryable"], outcome["error_code"]) == ("failed", False, "LF3122")
    assert "1 of 2 claimed files have gone" in outcome["reason"]
    assert "orders_landed/b.csv" in outcome["reason"]
    assert zone.jobs.started == {}
