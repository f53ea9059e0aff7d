"""Column lineage of SQL held against an engine: what changes with a source column must be said to come from it."""

import random

import duckdb
import pytest
import sqlglot

from landfall.lineage.queries import query_trace
from landfall.lineage.traces import Trace

ORDERS = ("id", "customer", "amount", "state", "day")
CUSTOMERS = ("id", "name", "region")
VIEWS = {"orders": Trace.of_dataset("orders", ORDERS), "customers": Trace.of_dataset("customers", CUSTOMERS)}

QUERIES = {
    "expression": "select id, amount * 2 + day as x, upper(state) as s from orders",
    "star": "select * from orders where amount > 30",
    "join": "select o.id, c.name from orders o join customers c on o.customer = c.id",
    "left join using": "select id, name, amount from orders left join customers using (id)",
    "group": "select state, count(*) as n, sum(amount) as total from orders group by state having max(day) > 3",
    "group by position": "select upper(state) as s, min(id) as m from orders group by 1",
    "cte": "with big as (select id, customer, amount from orders where amount > 20) "
    "select c.region, sum(b.amount) as total from big b join customers c on c.id = b.customer group by c.region",
    "cte with names": "with t (a, b) as (select id, amount from orders) select a, b + 1 as c from t",
    "union": "select id, name as label from customers union all select id, state from orders",
    "distinct": "select distinct region from customers",
    "window": "select id, row_number() over (partition by state order by amount, id) as r from orders",
    "derived table": "select x, y from (select id as x, amount + day as y from orders) as t where y > 10",
    "scalar subquery": "select id, (select max(amount) from orders) as top from customers",
    "correlated": "select c.id, (select count(*) from orders o where o.customer = c.id) as n from customers c",
    "exists": "select name from customers c where exists (select 1 from orders o where o.customer = c.id)",
    "in": "select id from orders where customer in (select id from customers where region = 'n')",
    "case": "select id, case when state = 'open' then amount else 0 end as open_amount from orders",
    "except": "select id from customers except select customer from orders",
    "limit": "select id from orders order by amount desc, id limit 3",
    "alias order": "select id, amount + day as score from orders order by score, id limit 4",
    "self join": "select a.id, b.amount from orders a join orders b on a.id = b.customer",
    "semi": "select c.name from customers c semi join orders o on o.customer = c.id",
    "nested": "select region, n from (select region, count(*) as n from (select c.region, o.id from customers c "
    "join orders o on o.customer = c.id) as pairs group by region) as counts where n > 1",
}


Tables = dict[str, list[tuple[object, ...]]]


def table_rows(seed: int) -> Tables:
    rng = random.Random(seed)  # noqa: S311 test data
    orders: list[tuple[object, ...]] = [
        (number, rng.randint(1, 6), rng.randint(1, 60), rng.choice(["open", "paid"]), rng.randint(1, 9))
        for number in range(12)
    ]
    customers: list[tuple[object, ...]] = [
        (number, f"name{rng.randint(0, 9)}", rng.choice("ns")) for number in range(1, 7)
    ]
    return {"orders": orders, "customers": customers}


def answer(query: str, tables: Tables) -> tuple[list[str], list[tuple[object, ...]]]:
    with duckdb.connect() as connection:
        for name, columns in (("orders", ORDERS), ("customers", CUSTOMERS)):
            values = ", ".join(map(repr, tables[name]))
            connection.execute(
                f"create table {name} as select * from (values {values}) as t ({', '.join(columns)})"  # noqa: S608
            )
        result = connection.execute(query)
        names = [column[0] for column in result.description or ()]
        return names, sorted(result.fetchall(), key=repr)


def changed(tables: Tables, table: str, at: int, seed: int) -> Tables:
    """Return the tables with one column's values drawn anew."""
    rng = random.Random(seed)  # noqa: S311 test data
    pool = [row[at] for row in tables[table]]
    fresh = [
        (*row[:at], rng.choice(pool) if isinstance(row[at], str) else rng.randint(0, 70), *row[at + 1 :])
        for row in tables[table]
    ]
    return {**tables, table: fresh}


@pytest.mark.parametrize("name", QUERIES)
def test_a_column_that_changes_with_another_comes_from_it(name: str) -> None:
    trace = query_trace(sqlglot.parse_one(QUERIES[name], read="spark"), VIEWS)
    query = sqlglot.transpile(QUERIES[name], read="spark", write="duckdb")[0]

    for seed in range(4):
        tables = table_rows(seed)
        names, before = answer(query, tables)
        assert list(trace.columns) == names
        for table, columns in (("orders", ORDERS), ("customers", CUSTOMERS)):
            for at, column in enumerate(columns):
                _, after = answer(query, changed(tables, table, at, seed))
                sources = {str(source) for source in trace.everything()}
                if after != before:
                    assert f"{table}.{column}" in sources
                for index, result in enumerate(names):
                    made_of = {str(source) for source in trace.columns[result] | trace.rows}
                    if sorted(map(repr, (row[index] for row in before))) != sorted(
                        map(repr, (row[index] for row in after))
                    ):
                        assert f"{table}.{column}" in made_of, f"{result} changes with {table}.{column}"


@pytest.mark.parametrize(
    ("name", "column", "values", "rows"),
    [
        ("group", "total", {"orders.amount"}, {"orders.state", "orders.day"}),
        (
            "cte",
            "total",
            {"orders.amount"},
            {"orders.amount", "customers.id", "orders.customer", "customers.region"},
        ),
        ("join", "name", {"customers.name"}, {"orders.customer", "customers.id"}),
        ("expression", "x", {"orders.amount", "orders.day"}, set()),
        ("group by position", "s", {"orders.state"}, {"orders.state"}),
        ("semi", "name", {"customers.name"}, {"orders.customer", "customers.id"}),
        ("limit", "id", {"orders.id"}, {"orders.amount", "orders.id"}),
        ("cte with names", "c", {"orders.amount"}, set()),
    ],
)
def test_and_no_more_is_claimed(name: str, column: str, values: set[str], rows: set[str]) -> None:
    trace = query_trace(sqlglot.parse_one(QUERIES[name], read="spark"), VIEWS)

    assert {str(source) for source in trace.columns[column]} == values
    assert {str(source) for source in trace.rows} == rows
