"""Every statement that the app sends, written for SQL Server and understood there; and the order of its locks.

The statements are those of a whole story in the simulated world: files, sets of limits, failures, attempts, a cancel, a
rerun, a busy Jobs API, purging. SQL Server itself runs nowhere here, so this is as close as a test gets.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import mssql
from sqlalchemy.sql.compiler import SQLCompiler
from sqlglot import exp

from landfall.jobs.errors import JobNotAccepted
from landfall.metadata.effective import set_value
from landfall.purging import purge
from landfall.spec.model import OnFailure, RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan
from tests.chaos.world import World

# What only whoever holds the gate may write once it holds anything else.
BEHIND_THE_GATE = ("NodeRuns", "Runs")

Transaction = list[tuple[str, str]]


class Recorder:
    """Watches an engine: each statement in T-SQL, and each transaction as the tables it writes, in order."""

    def __init__(self, engine: sa.Engine) -> None:
        self.statements: set[str] = set()
        self.transactions: list[Transaction] = []
        self._open: dict[int, Transaction] = {}
        self._dialect = cast(Any, mssql.dialect())
        # As of SQL Server 2016 and Azure SQL, which SQLAlchemy learns by asking the server.
        self._dialect.server_version_info = (13, 0)
        self._dialect._setup_version_attributes()
        sa.event.listen(engine, "before_execute", self._on_statement)
        sa.event.listen(engine, "commit", self._on_commit)

    def _on_statement(self, connection: sa.Connection, clause: Any, many: Any, one: Any, _: Any) -> None:
        if not isinstance(clause, sa.ClauseElement):
            return
        given = {**(many[0] if many else {}), **one}
        compiled = cast(SQLCompiler, clause.compile(dialect=self._dialect, column_keys=sorted(given) or None))
        self.statements.add(compiled.construct_expanded_state(given).statement)
        if isinstance(clause, sa.Update | sa.Insert | sa.Delete):
            verb = type(clause).__name__.lower()
            self._open.setdefault(id(connection), []).append((verb, cast(sa.Table, clause.table).name))

    def _on_commit(self, connection: sa.Connection) -> None:
        written = self._open.pop(id(connection), [])
        if written:
            self.transactions.append(written)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    settings = RunSettings(max_parallel_nodes=2, on_failure=OnFailure.FAIL_FAST)
    products = [
        a_product(
            a_transformation("build_a"),
            a_transformation("build_b", inputs=["a"]),
            a_transformation("build_c"),
            a_transformation("build_d", inputs=["c"]),
            name=name,
            run=settings,
        )
        for name in ("orders", "returns")
    ]
    plan = Plan(takes_s=3, failing=frozenset({"build_c"}), lost=frozenset({"build_a"}))
    world = World(tmp_path_factory.mktemp("statements"), *products, plan=plan, twice=0.3)
    recorder = Recorder(world.database.engine)
    world.call(lambda c: set_value(c, "limits.nodes", "3", now=world.now(), actor="ada"))
    busy = iter([True] * 3)
    world.jobs.trouble = lambda call: (
        JobNotAccepted("a node", "429", 2.0) if call == "submit" and next(busy, False) else None
    )
    for product in products:
        for number in range(3):
            world.land(f"sales/{product.name}/orders_landed/{number}.csv", times=2)
    world.land("nobody/knows/this.csv")
    world.finish()
    first = world.run_ids()[0]
    world.jobs.plan = Plan(takes_s=100)
    assert world.ask(f"runs/{first}/rerun", {"from_failed": True}) == 202
    world.tick_until(lambda: "submitted" in world.node_states().values())
    world.ask(f"runs/{world.run_ids()[-1]}/cancel", {})
    world.finish()
    check_world(world)
    purge(world.database, None, now=world.now() + timedelta(days=4000))
    yield recorder
    world.close()


def test_every_statement_is_understood_by_sql_server(recorded: Recorder) -> None:
    faults = []
    for text in sorted(recorded.statements):
        try:
            parsed = sqlglot.parse(text, read="tsql", error_level=sqlglot.ErrorLevel.RAISE)
        except sqlglot.errors.ParseError as error:
            faults.append(f"{error}\n{text}")
            continue
        if any(isinstance(item, exp.Command) for item in parsed):
            faults.append(text)

    assert faults == []
    assert len(recorded.statements) > 100


def test_what_sqlite_alone_understands_is_not_sent(recorded: Recorder) -> None:
    texts = "\n".join(recorded.statements)

    assert " LIMIT " not in texts
    assert " RETURNING " not in texts
    assert "OUTPUT inserted." in texts
    assert "SELECT TOP " in texts


def test_whoever_takes_the_gate_takes_it_before_nodes_and_runs(recorded: Recorder) -> None:
    """Two that hold rows of one run and wait for the gate, and for each other's rows behind it, would deadlock."""
    gate = ("update", "NodeGate")
    late = [
        transaction[: transaction.index(gate) + 1]
        for transaction in recorded.transactions
        if gate in transaction
        and any(table in BEHIND_THE_GATE for _, table in transaction[: transaction.index(gate)])
    ]

    assert late == []
    assert sum(gate in transaction for transaction in recorded.transactions) > 10


def test_what_needs_no_gate_is_done_before_it_is_taken(recorded: Recorder) -> None:
    """All settlements wait for whoever holds the gate, so it is held for no more than it has to be."""
    gate, attempt = ("update", "NodeGate"), ("update", "NodeAttempts")
    settling = [transaction for transaction in recorded.transactions if {gate, attempt} <= set(transaction)]

    assert len(settling) > 10
    assert all(transaction.index(attempt) < transaction.index(gate) for transaction in settling)


def test_leases_are_taken_before_files_and_requests_of_a_product(recorded: Recorder) -> None:
    lease = ("update", "ProductLeases")
    late = [
        transaction
        for transaction in recorded.transactions
        if lease in transaction
        and any(
            table in {"LandedFiles", "RunRequests"} for _, table in transaction[: transaction.index(lease)]
        )
    ]

    assert late == []
