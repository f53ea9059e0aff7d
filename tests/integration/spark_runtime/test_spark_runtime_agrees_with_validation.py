"""What validation says offline about columns is what the engine finds, step by step."""

from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from landfall.spec import frames
from landfall.spec.model import Step
from landfall.spec.model import StepType as DeclaredType
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path
from landfall.spec.step_columns import frame_after
from spark_runtime.errors import StepRefused
from spark_runtime.frame import Frame
from spark_runtime.step_spec import StepType
from spark_runtime.steps import STEPS, StepContext
from spark_runtime.steps.context import ViewNames

TABLES = {
    "orders": "id int, customer string, amount double, placed_on date, xs array<int>, s struct<a:int>",
    "customers": "customer string, country string",
}
CASES: list[tuple[str, Any]] = [
    ("select", ["id", "upper(customer) as name", "xs[0] as first", "s.a as a"]),
    ("select", ["*", "amount * 2 as double_amount"]),
    ("select", ["id", "explode(xs) as x"]),
    ("select", ["id", "transform(xs, x -> x + id) as ys"]),
    ("select", ["nope"]),
    ("filter", "amount > 3 and customer rlike '^a'"),
    ("filter", "nope > 3"),
    ("filter", "amount >"),
    ("filter", "sum(amount) > 3"),
    ("join", {"with": "customers", "on": ["customer"], "how": "left"}),
    (
        "join",
        {"with": "customers", "on": {"customer": "customer"}, "columns": {"land": "country"}, "how": "full"},
    ),
    ("join", {"with": "customers", "on": ["customer"], "how": "semi"}),
    ("join", {"with": "orders", "on": ["id"]}),
    ("join", {"with": "customers", "on": ["id"]}),
    ("aggregate", {"by": ["customer"], "measures": {"n": "count(*)", "mean": "avg(amount)"}}),
    ("aggregate", {"by": ["customer"], "measures": {"n": "amount"}}),
    ("aggregate", {"by": [], "measures": {"n": "count_if(amount > 1)"}}),
    ("derive", {"amount": "amount + 1", "day": "date_trunc('month', placed_on)"}),
    ("derive", {"rank": "row_number() over (partition by customer order by amount desc)"}),
    ("derive", {"x": "sum(amount)"}),
    ("rename", {"id": "customer", "customer": "id"}),
    ("rename", {"id": "customer"}),
    ("drop", ["ID", "xs"]),
    ("union", {"with": ["orders"]}),
    ("union", {"with": ["customers"]}),
    ("union", {"with": ["customers"], "allow_missing": True}),
    ("dedupe", {"keys": ["id"], "order_by": ["placed_on desc"]}),
    ("sort", ["amount desc nulls last", "id"]),
    ("limit", {"rows": 3, "order_by": ["amount desc"]}),
    ("limit", {"rows": 3, "order_by": ["nope"]}),
    ("fill_nulls", {"Amount": 0, "customer": "x", "placed_on": "2024-01-05"}),
    ("fill_nulls", {"id": 2.5}),
    ("replace_values", {"customer": {"values": {"a": "b"}, "to_null": ["c"]}}),
    ("replace_values", {"id": {"values": {"one": 1}}}),
    ("window", {"partition_by": ["customer"], "measures": {"n": "count(*)"}}),
    ("window", {"order_by": ["id"], "rows": [-1, "last"], "measures": {"n": "sum(amount)", "k": "ntile(2)"}}),
    ("window", {"order_by": ["id"], "measures": {"id": "count(*)"}}),
    ("window", {"measures": {"n": "count(*) filter (where id > 1)"}}),
    (
        "lookup",
        {"with": "customers", "on": ["customer"], "columns": ["country"], "defaults": {"country": "?"}},
    ),
    ("lookup", {"with": "customers", "on": ["customer"], "columns": ["country"], "defaults": {"country": 1}}),
    ("join", {"with": "customers", "condition": "customers.customer > customer", "columns": ["country"]}),
    ("join", {"with": "customers", "condition": "country > customer", "columns": ["country"]}),
    ("join", {"with": "customers", "how": "cross", "columns": []}),
    ("join", {"with": "customers", "how": "cross"}),
    ("intersect", {"with": ["orders"]}),
    ("intersect", {"with": ["customers"]}),
    ("except", {"with": ["orders"]}),
    (
        "aggregate",
        {
            "by": ["customer", "id"],
            "measures": {"n": {"expression": "count(*)", "filter": "amount > 1"}},
            "totals": "rollup",
            "level": "level",
        },
    ),
    ("aggregate", {"by": [], "measures": {"n": {"expression": "amount", "filter": "amount > 1"}}}),
    ("explode", {"column": "XS", "as": "x", "position": "n"}),
    ("explode", {"column": "xs", "keep_empty": True}),
    ("explode", {"column": "id"}),
    ("explode", {"column": "xs", "as": "id"}),
    ("flatten", {"column": "s"}),
    ("flatten", {"column": "S", "prefix": "x"}),
    ("flatten", {"column": "xs"}),
    ("unpivot", {"columns": {"c": "customer"}, "name": "what", "value": "customer"}),
    ("unpivot", {"columns": ["customer", "id"], "name": "what", "value": "v"}),
    ("pivot", {"by": ["id"], "column": "customer", "values": ["a", "b"], "measures": {"n": "count(*)"}}),
    (
        "pivot",
        {"by": [], "column": "id", "values": {"x": 1}, "measures": {"n": "count(*)", "top": "max(amount)"}},
    ),
    ("pivot", {"by": [], "column": "id", "values": {"x": "y"}, "measures": {"n": "count(*)"}}),
    ("split", {"column": "customer", "separator": "|", "into": ["a", "b"]}),
    ("split", {"column": "amount", "separator": "|", "into": ["a", "b"]}),
    ("standardise", {"columns": ["customer"], "case": "upper", "empty_as_null": True}),
    ("standardise", {"columns": ["id"]}),
    ("surrogate_key", {"name": "key", "columns": ["id", "customer", "placed_on"]}),
    ("surrogate_key", {"name": "key", "columns": ["amount"]}),
    ("mask", {"customer": "phone", "placed_on": "birth_date", "id": "hash"}),
    ("mask", {"customer": "birth_date"}),
    ("mask", {"s": "hash"}),
    ("sample", {"keys": ["id"], "percent": 50}),
    ("sample", {"keys": ["xs"], "percent": 50}),
    ("sql", "select id, amount from this where amount > 1"),
    ("sql", "select o.*, c.country from orders o join customers c on o.customer = c.customer"),
    ("sql", "select o.customer from orders o join customers c using (customer)"),
    ("sql", "select * from orders join customers using (customer)"),
    ("sql", "with a as (select id as k from orders) select K as z, A.k from a"),
    ("sql", "select id from Orders"),
    ("sql", "with A as (select id from orders) select id from a"),
    ("sql", "select id as k, count(*) as n from orders group by id having n > 0 order by k"),
    ("sql", "select id, y from orders lateral view explode(xs) e as y"),
    ("sql", "select id from orders o where exists (select 1 from customers c where c.customer = o.customer)"),
    ("sql", "select orders.id from orders left semi join customers on orders.customer = customers.customer"),
    ("sql", "select * from orders left anti join customers on orders.customer = customers.customer"),
    ("sql", "select id from orders union all select id from this"),
    ("sql", "select id from orders except select id from this"),
    ("sql", "select id, sum(amount) over (partition by customer order by id) as t from orders"),
    ("sql", "select a from values (1), (2) as v(a)"),
    ("sql", "select id from range(10)"),
    ("sql", "select customer from orders join customers on true"),
    ("sql", "select nope from orders"),
    ("sql", "select id from nowhere"),
    ("sql", "select id from orders qualify row_number() over (order by id) = 1"),
    ("sql", "select id as a, a + 1 as b from orders"),
]


def validated(kind: str, config: Any) -> tuple[str, ...] | None:
    """Return the columns that validation foresees, ``None`` if it refuses the step."""
    declared = {
        name: frames.Frame({part.split(" ")[0]: part.split(" ")[1] for part in text.split(", ")})
        for name, text in TABLES.items()
    }
    problems: list[SqlProblem] = []

    def report(path: Path, problem: SqlProblem) -> None:
        problems.append(problem)

    frame = frame_after(Step(DeclaredType(kind), config), declared["orders"], declared, report)
    if problems:
        return None
    assert frame is not None, "every column here can be told"
    return tuple(frame)


def executed(spark: SparkSession, kind: str, config: Any) -> tuple[str, ...] | None:
    """Return the columns that the engine yields, ``None`` if the runtime or the engine refuses the step."""
    inputs = {name: Frame.resolve(spark.createDataFrame([], schema)) for name, schema in TABLES.items()}
    context = StepContext(spark, f"step 1 ({kind})", inputs, ViewNames("agree"))
    try:
        frame = STEPS[StepType(kind)](inputs["orders"], config, context)
        columns = tuple(frame.df.columns)
        assert columns == frame.columns
        frame.df.collect()
    except (StepRefused, PySparkException):
        return None
    return columns


@pytest.mark.parametrize(("kind", "config"), CASES, ids=[f"{kind}: {config}" for kind, config in CASES])
def test_validation_and_engine_agree(spark: SparkSession, kind: str, config: Any) -> None:
    assert validated(kind, config) == executed(spark, kind, config)
