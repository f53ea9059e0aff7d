"""What operators read: products, datasets, files, versions, and what needs somebody."""

from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from landfall.landing.dead_letters import LetterSource, keep_dead_letter
from landfall.landing.queries import FileFilter, get_file, list_files
from landfall.metadata.apply import rollback
from landfall.metadata.catalog import UnknownProduct, UnknownVersion, find_product_id
from landfall.metadata.difference import ChangeKind
from landfall.metadata.engine import Database
from landfall.metadata.scope import Scope
from landfall.metadata.tables import landing_sets, product_schedules
from landfall.metadata.versions import get_version_change, list_versions
from landfall.planning.plan import NodeKey
from landfall.runs.attention import attention
from landfall.runs.dataset_history import build_history, quality_history
from landfall.runs.dataset_list import DatasetFilter, LastCheck, list_datasets
from landfall.runs.file_history import file_history
from landfall.runs.ids import RunID
from landfall.runs.pausing import pause_product
from landfall.runs.product_detail import consumers_of, rows_by_run
from landfall.runs.product_list import ProductFilter, ProductOrder, find_products, get_product
from landfall.runs.refused_list import list_refused
from landfall.runs.states import FileState, NodeState, RunState
from landfall.runs.verdict import Verdict
from landfall.spec.model import DatasetName, Port, Product, RunSettings, Schedule
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, finish, land, settle

SALES = Scope(frozenset({"sales"}))
OTHERS = Scope(frozenset({"finance"}))
INGEST = NodeKey("ingest.orders_landed")


def shop(*ports: Port, name: str = "orders", domain: str = "sales") -> Product:
    run = RunSettings(schedules=(Schedule("0 6 * * *"),))
    return a_product(a_transformation(), ports=ports, name=name, domain=domain, run=run)


def checked(failed: int, *, quarantined: int = 0) -> Verdict:
    """Return the success of a node with two rules, of which rows broke the first."""
    rules = [
        {"name": "id_known", "severity": "quarantine", "rows_checked": 10, "rows_failed": failed},
        {"name": "id_small", "severity": "warn", "rows_checked": 10, "rows_failed": 0},
    ]
    return Verdict(
        NodeState.SUCCEEDED,
        rows_read=10,
        rows_published=10 - quarantined,
        rows_quarantined=quarantined,
        rules=rules,
    )


def run_once(database: Database, run_id: str, *, failed: int = 0, minutes: int = 0) -> RunID:
    """Let a run take in what has landed, and end."""
    now = NOW + timedelta(minutes=minutes)
    opened = begin(database, run_id, now=now)
    assert opened is not None
    settle(database, opened, INGEST, checked(failed, quarantined=failed), now=now)
    finish(database, opened, now=now)
    return opened


def test_a_product_is_listed_with_its_last_run_and_what_it_waits_for(database: Database) -> None:
    apply(database, shop(Port(DatasetName("orders"), 1)))
    apply(database, shop(name="quiet"))
    land(database)
    run_once(database, "r1")
    land(database, etag="0x2")
    last = run_once(database, "r2", minutes=5)

    orders, quiet = database.read(find_products).items

    assert (orders.product, orders.datasets, orders.ports, orders.owner_team) == (
        "sales/orders",
        2,
        1,
        "sales-data",
    )
    assert orders.last_run is not None
    assert (orders.last_run.run_id, orders.last_run.state) == (last, RunState.SUCCEEDED)
    assert orders.published_at == NOW + timedelta(minutes=5, seconds=1)
    assert orders.next_due_at is not None
    assert (quiet.product, quiet.last_run, quiet.published_at) == ("sales/quiet", None, None)


def test_products_are_narrowed_and_ordered(database: Database) -> None:
    apply(database, shop())
    apply(database, shop(name="quiet", domain="finance"), now=NOW + timedelta(hours=1))
    land(database)
    run_once(database, "r1")
    database.transact(lambda c: pause_product(c, "finance/quiet", actor="ada", reason=None, now=NOW))

    def names(wanted: ProductFilter, order: ProductOrder = ProductOrder.NAME) -> list[str]:
        found = database.read(lambda c: find_products(c, wanted, order=order))
        return [item.product for item in found.items]

    everything = ProductFilter()
    assert names(everything) == ["finance/quiet", "sales/orders"]
    assert names(everything, order=ProductOrder.STALEST) == ["finance/quiet", "sales/orders"]
    assert names(everything, order=ProductOrder.LAST_APPLIED) == ["finance/quiet", "sales/orders"]
    assert names(ProductFilter(contains="les/ord")) == ["sales/orders"]
    assert names(ProductFilter(domain="finance")) == ["finance/quiet"]
    assert names(ProductFilter(paused=True)) == ["finance/quiet"]
    assert names(ProductFilter(last_state=RunState.SUCCEEDED)) == ["sales/orders"]
    assert names(ProductFilter(last_state=RunState.FAILED)) == []


def test_products_page_by_page_in_every_order(database: Database) -> None:
    for name in ("a", "b", "c", "d", "orders"):
        apply(database, shop(name=name))
    land(database)
    run_once(database, "r1")

    for order in ProductOrder:
        found: list[str] = []
        cursor = None
        while True:
            page = database.read(partial(find_products, order=order, limit=2, cursor=cursor))
            found += [item.product for item in page.items]
            cursor = page.following
            if cursor is None:
                break

        assert found == [f"sales/{name}" for name in ("a", "b", "c", "d", "orders")]


def test_another_domain_sees_what_is_published_and_nothing_else(database: Database) -> None:
    apply(database, shop(Port(DatasetName("orders"), 1)))
    apply(database, shop(name="private"))
    land(database)
    run_once(database, "r1", failed=2)

    products = database.read(lambda c: find_products(c, scope=OTHERS)).items
    datasets = database.read(lambda c: list_datasets(c, scope=OTHERS)).items

    assert [item.product for item in products] == ["sales/orders"]
    assert [item.full_name for item in datasets] == ["sales/orders.orders"]
    assert database.read(lambda c: list_files(c, scope=OTHERS)).items == ()
    assert database.read(lambda c: list_versions(c, scope=OTHERS)).items == ()
    assert database.read(lambda c: attention(c, scope=OTHERS, now=NOW)).is_quiet
    assert len(database.read(lambda c: list_files(c, scope=SALES)).items) == 1


def test_a_dataset_is_listed_with_what_its_rules_found_last(database: Database) -> None:
    apply(database, shop())
    land(database)
    run_once(database, "r1", failed=3)
    apply(database, shop(name="later"))

    orders, landed = database.read(lambda c: list_datasets(c, DatasetFilter("sales/orders"))).items
    broken = database.read(lambda c: list_datasets(c, DatasetFilter(broken=True))).items

    assert landed.last_check == LastCheck(NOW + timedelta(seconds=1), rules=2, broken=1, refused=1)
    assert (landed.rows, landed.run_id) == (7, "r1")
    assert (orders.name, orders.last_check) == ("orders", None)
    assert [item.full_name for item in broken] == ["sales/orders.orders_landed"]

    land(database, etag="0x2")
    run_once(database, "r2", minutes=1)

    assert database.read(lambda c: list_datasets(c, DatasetFilter(broken=True))).items == ()


def test_a_dataset_over_time(database: Database) -> None:
    apply(database, shop())
    for number, failed in enumerate((0, 4, 1)):
        land(database, etag=f"0x{number}")
        run_once(database, f"r{number}", failed=failed, minutes=number)
    product_id = database.read(lambda c: find_product_id(c, "sales/orders"))
    assert product_id is not None

    checks = database.read(lambda c: quality_history(c, product_id, "orders_landed")).items
    two = database.read(lambda c: quality_history(c, product_id, "orders_landed", limit=2)).items
    builds = database.read(lambda c: build_history(c, product_id, INGEST)).items

    assert [(check.run_id, check.rules[0].rows_failed, check.broken) for check in checks] == [
        ("r2", 1, 1),
        ("r1", 4, 1),
        ("r0", 0, 0),
    ]
    assert two == checks[:2]
    assert [(build.run_id, build.rows_published, build.rows_quarantined) for build in builds] == [
        ("r2", 9, 1),
        ("r1", 6, 4),
        ("r0", 10, 0),
    ]


def test_refused_rows_are_listed_by_dataset(database: Database) -> None:
    apply(database, shop())
    for number, failed in enumerate((4, 0, 1)):
        land(database, etag=f"0x{number}")
        run_once(database, f"r{number}", failed=failed, minutes=number)

    (refused,) = database.read(list_refused).items

    assert (refused.product, refused.dataset, refused.node) == ("sales/orders", "orders_landed", INGEST)
    assert (refused.rows, refused.runs, refused.last_run, refused.last_rows) == (5, 2, "r2", 1)
    assert database.read(lambda c: list_refused(c, scope=OTHERS)).items == ()
    assert database.read(lambda c: list_refused(c, product="sales/none")).items == ()


def test_a_product_tells_its_consumers_and_the_rows_of_its_runs(database: Database) -> None:
    apply(database, shop(Port(DatasetName("orders"), 1)))
    reader = a_transformation("late", inputs=("sales/orders.orders@1",))
    apply(database, a_product(reader, landed=(), name="reports"))
    land(database)
    run_once(database, "r1", failed=4)

    (consumer,) = database.read(lambda c: consumers_of(c, "sales/orders"))
    (rows,) = database.read(lambda c: rows_by_run(c, 1))

    assert (consumer.product, consumer.transformation, consumer.port) == (
        "sales/reports",
        "late",
        "sales/orders.orders@1",
    )
    assert (rows.run_id, rows.rows_read, rows.rows_quarantined, rows.refused_share) == ("r1", 10, 4, 0.4)
    assert database.read(lambda c: get_product(c, "sales/orders")).ports == 1
    with pytest.raises(UnknownProduct):
        database.read(lambda c: get_product(c, "sales/none"))


def test_files_are_narrowed(database: Database) -> None:
    apply(database, shop())
    land(database, "orders_landed/January%20Orders.csv")
    run_once(database, "r1")
    land(database, "orders_landed/february.csv")
    land(database, "elsewhere/february.txt")

    def ids(wanted: FileFilter) -> list[int]:
        return [file.file_id for file in database.read(lambda c: list_files(c, wanted)).items]

    assert ids(FileFilter()) == [3, 2, 1]
    assert ids(FileFilter(name="january o")) == [1]
    assert ids(FileFilter(name="FEB")) == [2, 3]
    assert ids(FileFilter(state=FileState.UNMATCHED)) == [3]
    assert ids(FileFilter(run_id="r1")) == [1]
    assert ids(FileFilter(product="sales/orders", dataset="orders_landed")) == [2, 1]
    assert ids(FileFilter(product="sales/none")) == []
    assert ids(FileFilter(since=NOW + timedelta(seconds=1))) == []
    assert [file.file_id for file in database.read(lambda c: get_file(c, "orders_landed/february.csv"))] == [
        2
    ]
    assert [file.file_id for file in database.read(lambda c: get_file(c, "february.csv"))] == [2]


def test_a_file_tells_its_versions_its_runs_and_what_was_done_to_it(database: Database) -> None:
    apply(database, shop())
    land(database)
    land(database)
    run_once(database, "r1", failed=2)
    land(database, etag="0x2")
    run_once(database, "r2", minutes=1)

    newest, first = database.read(lambda c: file_history(c, 1))

    assert (newest.file.etag, first.file.etag, first.file.event_count) == ("0x2", "0x1", 2)
    (intake,) = first.intakes
    assert (intake.run_id, intake.node, intake.node_state) == ("r1", INGEST, NodeState.SUCCEEDED)
    assert (intake.rows_read, intake.rows_published, intake.rows_quarantined) == (10, 8, 2)
    assert (intake.files, first.acts) == (1, ())


def test_what_was_applied_is_listed_with_what_it_changed(database: Database) -> None:
    apply(database, shop())
    apply(database, shop(Port(DatasetName("orders"), 1)), now=NOW + timedelta(hours=1))
    rollback(database, "sales/orders", actor="bob", now=NOW + timedelta(hours=2))

    newest, second, first = database.read(list_versions).items
    added = database.read(lambda c: get_version_change(c, "sales/orders", 2))
    restored = database.read(lambda c: get_version_change(c, "sales/orders", 3))
    new = database.read(lambda c: get_version_change(c, "sales/orders", 1))

    assert (newest.version, newest.restores, newest.is_current, newest.applied_by) == (3, 1, True, "bob")
    assert (second.is_current, first.applied_at) == (False, NOW)
    assert [(change.kind, change.path) for change in added.changes] == [(ChangeKind.ADDED, "ports.orders@1")]
    assert added.before == 1
    assert [change.kind for change in restored.changes] == [ChangeKind.REMOVED]
    assert (new.before, {change.kind for change in new.changes}) == (None, {ChangeKind.ADDED})
    with pytest.raises(UnknownVersion):
        database.read(lambda c: get_version_change(c, "sales/orders", 4))


def test_what_needs_somebody(database: Database) -> None:
    apply(database, shop())
    apply(database, shop(name="paused"))
    land(database)
    failed = begin(database, "r1")
    assert failed is not None
    finish(database, failed, failing=frozenset({INGEST}))
    land(database, "elsewhere/a.txt")

    def be_late(connection: sa.Connection) -> None:
        pause_product(connection, "sales/paused", actor="ada", reason="doubles", now=NOW)
        connection.execute(sa.update(product_schedules).values(NextDueAt=NOW - timedelta(hours=1)))
        connection.execute(
            sa.insert(landing_sets).values(
                DataProductID=1,
                DataSetName="orders_landed",
                SetKey="2026-01",
                SetNumber=1,
                State="open",
                OpenedAt=NOW,
                DeadlineAt=NOW - timedelta(minutes=1),
            )
        )
        keep_dead_letter(
            connection, "x", source=LetterSource.QUEUE, reason="no event", error_code=None, now=NOW
        )

    database.transact(be_late)
    found = database.read(lambda c: attention(c, now=NOW))

    assert [(item.product, item.subject) for item in found.late] == [
        ("sales/orders", "schedule 0 6 * * *"),
        ("sales/orders", "orders_landed 2026-01"),
    ]
    assert [run.run_id for run in found.failed] == ["r1"]
    assert (found.dead, found.letters[0].reason) == (1, "no event")
    assert found.files == {FileState.REJECTED: 1, FileState.UNMATCHED: 1}
    assert [(item.product, item.pause.reason) for item in found.paused] == [("sales/paused", "doubles")]
    assert not found.is_quiet

    land(database, etag="0x2")
    run_once(database, "r2", minutes=3)

    assert database.read(lambda c: attention(c, now=NOW)).failed == ()
