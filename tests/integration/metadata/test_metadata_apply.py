"""Applying products to a real database: all or nothing, once, and back again."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from landfall.metadata import tables
from landfall.metadata.apply import (
    AppliedVersion,
    NothingToRollBack,
    apply_products,
    compare,
    rollback,
)
from landfall.metadata.authoring import write_authoring
from landfall.metadata.catalog import (
    LandingPattern,
    UnknownProduct,
    UnknownVersion,
    find_current_product,
    find_product_id,
    get_current_product,
    get_product_version,
    landing_patterns,
    list_products,
)
from landfall.metadata.difference import ProductStatus
from landfall.metadata.engine import Database, create_engine
from landfall.spec.model import Column, DatasetName, Port, Product, Transformation
from tests.builders import a_built_dataset, a_landed_dataset, a_product, a_rule, a_transformation
from tests.databases import a_database
from tests.loopback import PATIENCE_S

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ACTOR = "ana@contoso.example"


def orders(*transformations: Transformation, **others: Any) -> Product:
    return a_product(*(transformations or (a_transformation(),)), **others)


def apply(database: Database, *products: Product, now: datetime = NOW) -> tuple[AppliedVersion, ...]:
    return apply_products(database, products, actor=ACTOR, now=now)


def current(database: Database, key: str = "sales/orders") -> Product:
    return database.read(lambda connection: get_current_product(connection, key)).product


def rows(database: Database, *columns: Any) -> list[tuple[Any, ...]]:
    found = database.read(lambda connection: connection.execute(sa.select(*columns)).all())
    return sorted((tuple(row) for row in found), key=repr)


def count(database: Database, table: sa.Table) -> int:
    return database.read(
        lambda connection: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    )


def test_a_new_product_is_current_idle_and_listed(database: Database) -> None:
    product = orders()

    (applied,) = apply(database, product)

    assert applied == AppliedVersion("sales/orders", applied.product_id, version=1)
    assert current(database) == product
    (entry,) = database.read(list_products)
    assert (entry.key, entry.version, entry.applied_by, entry.applied_at) == ("sales/orders", 1, ACTOR, NOW)
    leases = rows(database, tables.product_leases.c.State, tables.product_leases.c.InstanceID)
    assert leases == [("idle", "product-sales-orders")]


def test_applying_again_writes_nothing(database: Database) -> None:
    apply(database, orders())

    again = apply(database, orders(), now=NOW + timedelta(days=1))

    assert again == ()
    assert count(database, tables.metadata_versions) == 1


def test_a_change_is_a_new_version_and_the_old_one_stays(database: Database) -> None:
    first, second = orders(), orders(landed=("orders_landed", "returns_landed"))
    apply(database, first)

    (applied,) = apply(database, second)

    assert applied.version == 2
    assert current(database) == second
    before = database.read(lambda connection: get_product_version(connection, applied.product_id, 1))
    assert before == first


def test_the_lease_of_a_running_product_is_left_alone(database: Database) -> None:
    apply(database, orders())
    database.transact(
        lambda connection: connection.execute(sa.update(tables.product_leases).values(State="active"))
    )

    apply(database, orders(landed=("orders_landed", "more")))

    assert rows(database, tables.product_leases.c.State) == [("active",)]


def test_one_product_that_fails_keeps_all_from_being_applied(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_on_the_second(connection: sa.Connection, product_id: int, product: Product) -> None:
        write_authoring(connection, product_id, product)
        if product.name == "returns":
            raise RuntimeError("the disk is full")

    monkeypatch.setattr("landfall.metadata.apply.write_authoring", fail_on_the_second)

    with pytest.raises(RuntimeError, match="disk is full"):
        apply(database, orders(), orders(name="returns"))

    assert count(database, tables.data_products) == 0
    assert count(database, tables.data_sets) == 0


def test_a_product_given_twice_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="sales/orders"):
        apply(database, orders(), orders())


def test_the_authoring_tables_say_what_the_product_says(database: Database) -> None:
    product = orders(
        a_transformation("build_orders"),
        a_transformation("build_daily", inputs=["orders", "other/shop.stock@2"], depends_on=["build_extra"]),
        a_transformation("build_extra", inputs=["returns_landed"]),
        landed=[
            a_landed_dataset("orders_landed", quality=[a_rule("id_known", filter="id <> 0")]),
            "returns_landed",
        ],
        ports=[Port(DatasetName("daily"), 1)],
    )

    apply(database, product)

    assert rows(database, tables.data_sets.c.Name, tables.data_sets.c.LandingPath) == [
        ("daily", None),
        ("extra", None),
        ("orders", None),
        ("orders_landed", "orders_landed/*.csv"),
        ("returns_landed", "returns_landed/*.csv"),
    ]
    assert rows(database, tables.data_quality_rules.c.Name, tables.data_quality_rules.c.Configuration) == [
        ("id_known", {"columns": ["id"], "filter": "id <> 0"})
    ]
    assert dependencies_in(database) == [("build_daily", "build_extra"), ("build_daily", "build_orders")]
    assert uses_in(database) == [
        ("build_daily", "input", "orders"),
        ("build_daily", "input", "other/shop.stock@2"),
        ("build_daily", "output", "daily"),
        ("build_extra", "input", "returns_landed"),
        ("build_extra", "output", "extra"),
        ("build_orders", "input", "orders_landed"),
        ("build_orders", "output", "orders"),
    ]
    assert count(database, tables.ports) == 1
    product_id = database.read(lambda connection: find_product_id(connection, "sales/orders"))
    assert database.read(landing_patterns) == (
        LandingPattern(product_id or 0, "sales/orders", "orders_landed", "orders_landed/*.csv"),
        LandingPattern(product_id or 0, "sales/orders", "returns_landed", "returns_landed/*.csv"),
    )


def test_an_object_keeps_its_number_while_it_keeps_its_name(database: Database) -> None:
    datasets = (tables.data_sets.c.Name, tables.data_sets.c.DataSetID)
    apply(database, orders(landed=("orders_landed", "gone")))
    before = dict(rows(database, *datasets))

    wider = a_landed_dataset("orders_landed", columns=[Column("id", "bigint"), Column("at", "timestamp")])
    apply(database, orders(landed=(wider, "new")))

    after = dict(rows(database, *datasets))
    assert after["orders_landed"] == before["orders_landed"]
    assert "gone" not in after
    schema = dict(rows(database, tables.data_sets.c.Name, tables.data_sets.c.Schema))["orders_landed"]
    assert [column["type"] for column in schema] == ["bigint", "timestamp"]


def test_other_products_are_left_alone(database: Database) -> None:
    apply(database, orders(), orders(name="returns", built=[a_built_dataset("kept", quality=[a_rule()])]))

    apply(database, orders(landed=("orders_landed", "more")))

    assert current(database, "sales/returns").name == "returns"
    assert count(database, tables.data_quality_rules) == 1
    difference = database.read(lambda connection: compare(connection, [orders()]))
    assert [(item.product, item.status) for item in difference.products] == [
        ("sales/orders", ProductStatus.CHANGED),
        ("sales/returns", ProductStatus.NOT_GIVEN),
    ]
    assert [change.path for change in difference.products[0].changes] == ["datasets.more"]


def test_the_difference_is_empty_once_it_is_applied(database: Database) -> None:
    products = [orders(), orders(name="returns")]
    before = database.read(lambda connection: compare(connection, products))

    apply(database, *products)

    assert [item.status for item in before.products] == [ProductStatus.ADDED, ProductStatus.ADDED]
    assert "datasets.orders_landed" in [change.path for change in before.products[0].changes]
    assert database.read(lambda connection: compare(connection, products)).is_empty


def test_rolling_back_restores_the_content_before_as_a_new_version(database: Database) -> None:
    first, second, third = (
        orders(),
        orders(landed=("orders_landed", "b")),
        orders(landed=("orders_landed", "c")),
    )
    for product in (first, second, third):
        apply(database, product)

    back = rollback(database, "sales/orders", actor="olu@contoso.example", now=NOW)
    assert (back.version, back.restores) == (4, 2)
    assert current(database) == second
    further = rollback(database, "sales/orders", actor="olu@contoso.example", now=NOW)

    assert (further.version, further.restores) == (5, 1)
    assert current(database) == first
    assert rows(database, tables.data_sets.c.Name) == [("orders",), ("orders_landed",)]
    with pytest.raises(NothingToRollBack, match="nothing was applied before version 5"):
        rollback(database, "sales/orders", actor=ACTOR, now=NOW)


def test_after_a_rollback_the_product_file_goes_forward_again(database: Database) -> None:
    first, second = orders(), orders(landed=("orders_landed", "b"))
    apply(database, first)
    apply(database, second)
    rollback(database, "sales/orders", actor=ACTOR, now=NOW)

    (applied,) = apply(database, second)

    assert (applied.version, applied.restores) == (4, None)
    assert rollback(database, "sales/orders", actor=ACTOR, now=NOW).restores == 1
    assert current(database) == first


def test_what_was_never_applied_is_answered_with_what_was(database: Database) -> None:
    apply(database, orders())

    with pytest.raises(UnknownProduct, match=r"'sales/order' .*applied: sales/orders"):
        rollback(database, "sales/order", actor=ACTOR, now=NOW)
    with pytest.raises(UnknownProduct):
        current(database, "sales/order")
    with pytest.raises(UnknownVersion, match="no version 9"):
        database.read(lambda connection: get_product_version(connection, 1, 9))
    assert database.read(lambda connection: find_current_product(connection, "no/where")) is None
    assert database.read(lambda connection: find_product_id(connection, "nowhere")) is None


class LosesAnswers(Database):
    """A database whose first commit succeeds and is reported as a lost connection."""

    lost = False

    def _run_in(self, engine: sa.Engine, work: Any) -> Any:
        answer = super()._run_in(engine, work)
        if engine is self.engine and not self.lost:
            self.lost = True
            text = "[08S01] [Microsoft][ODBC Driver 18 for SQL Server]Communication link failure (0) (SQLEndTran)"
            raise sa.exc.OperationalError("COMMIT", {}, Exception("08S01", text))
        return answer


def test_an_apply_whose_answer_was_lost_reports_what_it_wrote_once(database: Database) -> None:
    unlucky = LosesAnswers(database.engine, sleep=lambda _: None)

    applied = apply(unlucky, orders())

    assert [version.version for version in applied] == [1]
    assert count(database, tables.metadata_versions) == 1


def test_a_rollback_whose_answer_was_lost_goes_back_once(database: Database) -> None:
    for product in (orders(), orders(landed=("orders_landed", "b")), orders(landed=("orders_landed", "c"))):
        apply(database, product)
    unlucky = LosesAnswers(database.engine, sleep=lambda _: None)

    back = rollback(unlucky, "sales/orders", actor=ACTOR, now=NOW)

    assert (back.version, back.restores) == (4, 2)
    assert current(database) == orders(landed=("orders_landed", "b"))


def test_appliers_at_once_give_every_version_once(database: Database, tmp_path: Path) -> None:
    products = [orders(landed=("orders_landed", f"landed_{number}")) for number in range(8)]
    written: list[AppliedVersion] = []

    def work(product: Product) -> None:
        own = Database(create_engine(f"sqlite:///{tmp_path / 'landfall.db'}"))
        written.extend(apply(own, product))
        own.close()

    threads = [threading.Thread(target=work, args=(product,)) for product in products]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE_S)

    assert sorted(version.version for version in written) == list(range(1, 9))
    assert current(database) in products
    assert database.read(lambda connection: compare(connection, [current(database)])).is_empty


def test_a_spec_is_parsed_once_for_all_that_read_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(database, orders(landed=("orders_landed", "parsed_once")))
    first = current(database)

    again = current(database)

    assert again is first


NAMES = ("a", "b", "c", "d")


@st.composite
def products_of(draw: st.DrawFn, name: str) -> Product:
    """Draw a product whose transformations read what lands or what an earlier one builds."""
    landed = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    described = [
        a_landed_dataset(
            f"{dataset}_landed",
            columns=[Column(column, draw(st.sampled_from(["int", "string"]))) for column in ("x", "y")],
            quality=draw(st.sampled_from([(), (a_rule("r"),), (a_rule("r", filter="x > 0"), a_rule("s"))])),
        )
        for dataset in landed
    ]
    readable = [f"{dataset}_landed" for dataset in landed]
    transformations: list[Transformation] = []
    for output in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        inputs = draw(st.lists(st.sampled_from([*readable, "other/shop.stock@1"]), min_size=1, unique=True))
        others = [item.name for item in transformations]
        depends_on = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
        transformations.append(a_transformation(f"build_{output}", inputs=inputs, depends_on=depends_on))
        readable.append(output)
    ports = [Port(DatasetName(readable[-1]), version) for version in draw(st.sets(st.integers(1, 2)))]
    product = a_product(
        *transformations, landed=described, ports=sorted(ports, key=lambda p: p.version), name=name
    )
    return replace(product, description=draw(st.sampled_from(["", 'é ✓ "quoted" [x]'])))


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), st.lists(st.sampled_from(["p", "q"]).flatmap(products_of), max_size=2)),
        st.tuples(st.just("rollback"), st.sampled_from(["sales/p", "sales/q"])),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40)
@given(acts=ACTS)
def test_the_database_equals_what_was_applied_last(acts: Sequence[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        database = a_database(Path(folder))
        contents: dict[str, list[Product]] = {}
        for act, argument in acts:
            if act == "apply":
                given_once = {product.key: product for product in argument}
                apply(database, *given_once.values())
                for key, product in given_once.items():
                    if contents.get(key, [None])[-1] != product:
                        contents.setdefault(key, []).append(product)
            elif len(contents.get(argument, [])) > 1:
                rollback(database, argument, actor=ACTOR, now=NOW)
                contents[argument].pop()
            else:
                with pytest.raises((UnknownProduct, NothingToRollBack)):
                    rollback(database, argument, actor=ACTOR, now=NOW)

        assert authoring(database) == authoring_of_fresh(folder, [stack[-1] for stack in contents.values()])
        for key, stack in contents.items():
            assert current(database, key) == stack[-1]
        database.close()


def authoring_of_fresh(folder: str, products: Sequence[Product]) -> dict[str, Any]:
    """Return the authoring tables of a database to which nothing but ``products`` was ever applied."""
    fresh = a_database(Path(folder), "fresh.db")
    apply(fresh, *products)
    found = authoring(fresh)
    fresh.close()
    return found


def authoring(database: Database) -> dict[str, Any]:
    """Return everything the authoring tables say, without the numbers of rows and versions."""
    products, datasets, sources = tables.data_products.c, tables.data_sets.c, tables.data_sources.c
    nodes, rules, ports = tables.transformations.c, tables.data_quality_rules.c, tables.ports.c

    def joined(*columns: Any, of: sa.FromClause) -> list[tuple[Any, ...]]:
        statement = sa.select(products.Name, *columns).select_from(of)
        return sorted(
            (tuple(row) for row in database.read(lambda connection: connection.execute(statement).all())),
            key=repr,
        )

    product = tables.data_products
    return {
        "products": joined(products.Description, products.OwnerTeam, products.OwnerEmail, of=product),
        "sources": joined(sources.Name, sources.Type, sources.Options, of=product.join(tables.data_sources)),
        "datasets": joined(
            datasets.Name,
            datasets.Layer,
            datasets.LandingPath,
            datasets.Schema,
            of=product.join(tables.data_sets),
        ),
        "nodes": joined(nodes.Name, nodes.Type, nodes.Configuration, of=product.join(tables.transformations)),
        "rules": joined(
            datasets.Name,
            rules.Name,
            rules.Configuration,
            of=product.join(tables.data_sets).join(tables.data_quality_rules),
        ),
        "ports": joined(
            datasets.Name,
            ports.Version,
            of=product.join(tables.data_sets).join(
                tables.ports, ports.DataSetID == tables.data_sets.c.DataSetID
            ),
        ),
        "dependencies": dependencies_in(database),
        "uses": uses_in(database),
    }


def dependencies_in(database: Database) -> list[tuple[Any, ...]]:
    one, other, links = (
        tables.transformations.alias(),
        tables.transformations.alias(),
        tables.transformation_dependencies,
    )
    statement = (
        sa.select(one.c.Name, other.c.Name)
        .select_from(links)
        .join(one, links.c.TransformationID == one.c.TransformationID)
        .join(other, links.c.DependsOnTransformationID == other.c.TransformationID)
        .join(tables.data_products, one.c.DataProductID == tables.data_products.c.DataProductID)
        .order_by(tables.data_products.c.Name, one.c.Name, other.c.Name)
    )
    return [tuple(row) for row in database.read(lambda connection: connection.execute(statement).all())]


def uses_in(database: Database) -> list[tuple[Any, ...]]:
    uses = tables.transformation_data_sets.c
    dataset = sa.func.coalesce(tables.data_sets.c.Name, uses.ForeignPort)
    statement = (
        sa.select(tables.transformations.c.Name, uses.Role, dataset)
        .select_from(tables.transformation_data_sets)
        .join(tables.transformations)
        .outerjoin(tables.data_sets, uses.DataSetID == tables.data_sets.c.DataSetID)
        .join(
            tables.data_products,
            tables.transformations.c.DataProductID == tables.data_products.c.DataProductID,
        )
        .order_by(tables.data_products.c.Name, tables.transformations.c.Name, uses.Role, dataset)
    )
    return [tuple(row) for row in database.read(lambda connection: connection.execute(statement).all())]
