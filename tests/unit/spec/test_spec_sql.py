"""SQL of a product: what is refused, which columns a query reads, and which it yields."""

import pytest
from pyspark.sql import functions

from landfall.spec.frames import Frame
from landfall.spec.query_columns import query_frame
from landfall.spec.spark_functions import meant_function
from landfall.spec.sql_text import _REFUSED_FUNCTIONS, SqlProblem, read_expression, read_query

ORDERS = Frame(
    {"id": "int", "customer": "string", "amount": "double", "xs": "array<int>", "s": "struct<a:int>"}
)
CUSTOMERS = Frame({"customer": "string", "country": "string"})
VIEWS = {"orders": ORDERS, "customers": CUSTOMERS, "foreign": None, "this": ORDERS}

REFUSED = {
    "QUALIFY": "select id from orders qualify row_number() over (order by id) = 1",
    "GROUP BY ALL": "select customer, count(*) as n from orders group by all",
    "star except": "select * except (id) from orders",
    "PIVOT": "select * from orders pivot (sum(amount) for customer in ('a', 'b'))",
    "UNPIVOT": "select * from orders unpivot (x for y in (id, amount))",
    "INTERSECT ALL": "select id from orders intersect all select id from this",
    "recursive": "with recursive x as (select 1 as a) select * from x",
    "a path": "select * from delta.`abfss://lake@x.dfs.core.windows.net/y`",
    "a quoted path": "select * from `/etc/passwd`",
    "another catalog": "select * from main.sales.orders",
    "a file function": "select * from read_files('/x')",
    "a table function": "select * from some_function(1)",
    "a program": "select transform(id) using 'cat' as (x) from orders",
    "a secret": "select secret('scope', 'key') as x",
    "Java": "select reflect('java.lang.System', 'getenv') as x",
    "insert": "insert into orders select 1 as id",
    "insert after WITH": "with a as (select 1 as id) insert into orders select * from a",
    "create": "create table x as select 1 as id",
    "drop": "drop table orders",
    "drop after a comment": "/* select */ drop table orders",
    "two statements": "select 1 as a; drop table orders",
    "from first": "from orders select id",
    "pipe": "select id from orders |> where id > 1",
    "sample": "select id from orders tablesample (10 percent)",
    "distribute": "select id from orders distribute by id",
    "like any": "select id from orders where customer like any ('a%', 'b%')",
    "collate": "select customer collate utf8_lcase as c from orders",
    "parameter": "select :day as day",
    "two quotes": "select 'it''s' as x",
    "range of dates": (
        "select sum(id) over (order by d range between interval 1 day preceding and current row) as x from foreign"
    ),
    "star beside USING": "select o.* from orders o join customers c using (customer)",
    "table before a column of USING": "select o.customer from orders o join customers c using (customer)",
    "input in capitals": "select id from ORDERS",
    "CTE in capitals": "with a as (select 1 as x) select x from A",
    "later column": "select id as a, a + 1 as b from orders",
    "letters beyond ASCII": "select id as größe from orders",
    "a table with letters beyond ASCII": "with größe as (select id from orders) select id from größe",
    "WHERE on a lateral view": "select id, y from orders lateral view explode(xs) e as y where id = 1 and y > 1",
    "WHERE on its unnamed column": "select id, e.col from orders lateral view explode(xs) e where e.col > 1",
    "a lateral view without a name": "select id, col from orders lateral view explode(xs)",
    "a lateral generator": "select id, y from orders cross join lateral explode(xs) as e(y)",
    "distinct in a window": "select count(distinct id) over (partition by customer) as n from orders",
    "a cross join with ON": "select o.id from orders o cross join customers c on o.customer = c.customer",
    "a natural semi join": "select id from orders natural left semi join customers",
    "null in an array": "select array_contains(xs, null) as x from orders",
    "a time of day": "select to_time('10:00') as x from orders",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_dangerous_or_not_portable_is_refused(case: str) -> None:
    parsed = read_query(REFUSED[case])

    problems = list(parsed.problems)
    if parsed.tree is not None and not problems:
        query_frame(parsed.tree, VIEWS, problems.append)
    assert [problem.code for problem in problems] == ["LF1053"] * len(problems)
    assert problems


@pytest.mark.parametrize(
    "text",
    [
        "amount >",
        "",
        "map(amount)",
        "date_trunc()",
        "a b c",
        "(a",
        "'open",
        "select 1",
        "a, b",
        "drop table x",
    ],
)
def test_what_is_no_expression_is_a_syntax_error(text: str) -> None:
    assert [problem.code for problem in read_expression(text).problems] == ["LF1050"]


def resolve(text: str) -> tuple[Frame | None, list[SqlProblem]]:
    parsed = read_query(text)
    assert parsed.tree is not None
    problems = list(parsed.problems)
    return query_frame(parsed.tree, VIEWS, problems.append), problems


SOUND = {
    "select * from this": list(ORDERS.types),
    "select id, upper(customer) as name from orders": ["id", "name"],
    "select o.*, c.country from orders o join customers c on o.customer = c.customer": [*ORDERS.types, "country"],
    "select * from orders join customers using (customer)": ["customer", "id", "amount", "xs", "s", "country"],
    "with a as (select id from orders) select * from a": ["id"],
    "select x from (select id as x from orders) as t where t.x > 1": ["x"],
    "select id as k, count(*) as n from orders group by id having n > 1 order by k, n": ["k", "n"],
    "select id, y from orders lateral view explode(xs) e as y": ["id", "y"],
    "select id, explode(xs) as y from orders": ["id", "y"],
    "select s.a as a from orders": ["a"],
    "select orders.s.a as a from orders": ["a"],
    "select id from orders where customer in (select customer from customers)": ["id"],
    "select id from orders o where exists (select 1 from customers c where c.customer = o.customer)": ["id"],
    "select id, (select max(country) from customers c where c.customer = orders.customer) as m from orders": [
        "id", "m",
    ],
    "select orders.id from orders left semi join customers on orders.customer = customers.customer": ["id"],
    "select * from orders left anti join customers on orders.customer = customers.customer": list(ORDERS.types),
    "select id from orders union all select id from this": ["id"],
    "(select id from orders) except (select id from this)": ["id"],
    "select a from values (1), (2) as v(a)": ["a"],
    "select k, n from (select customer, count(*) from orders group by customer) as t (k, n)": ["k", "n"],
    "with t (k, n) as (select customer, count(*) from orders group by customer) select k, n from t": ["k", "n"],
    "select id, stack(2, 'a', amount, 'b', id) as (kind, value) from orders": ["id", "kind", "value"],
    "select o.id, x.n from orders o cross join lateral (select count(*) as n from customers c "
    "where c.customer = o.customer) x": ["id", "n"],
    "select id, lag(amount) over w as before from orders window w as (partition by customer order by id)": [
        "id", "before",
    ],
    "select id from range(10)": ["id"],
    "select id as `größe` from orders where 'größe' <> customer": ["größe"],
    "select id, y from orders lateral view explode(xs) e as y where id in (select y.id from this y)": ["id", "y"],
    "select transform(xs, x -> x + id) as y from orders": ["y"],
    "select anything from foreign": ["anything"],
    "select id, sum(amount) over (partition by customer order by id) as t from orders": ["id", "t"],
    "select id from orders where Customer = 'a' and ORDERS.id = 1": ["id"],
    "select upper(customer) as c, sum(amount) as a from orders group by upper(customer)": ["c", "a"],
    "select upper(customer) as c, sum(amount) as a from orders group by 1": ["c", "a"],
    "select upper(customer) as c, sum(amount) as a from orders group by c": ["c", "a"],
    "select concat(upper(customer), 'x') as c, 1 as one, max(id) as n from orders group by UPPER(customer)": [
        "c", "one", "n",
    ],
    "select o.customer, id % 2 as odd, count(*) as n from orders o group by rollup(customer, id % 2)": [
        "customer", "odd", "n",
    ],
    "select customer, id, count(*) as n from orders group by customer, id grouping sets ((customer), (id))": [
        "customer", "id", "n",
    ],
    "select customer, sum(sum(amount)) over (order by customer) as s from orders group by customer": ["customer", "s"],
    "select s.a, max(id) filter (where amount > 0) as m from orders group by s.a": ["a", "m"],
    "select count(*) as n, (select max(country) from customers) as m from orders": ["n", "m"],
    "select first(customer) as c, any_value(id) as i, collect_list(amount) as xs from orders": ["c", "i", "xs"],
    "select case when sum(amount) > 0 then max(id) else 0 end as x from orders having count(*) > 1": ["x"],
    "select id from orders where amount > (select avg(amount) from this)": ["id"],
}  # fmt: skip


@pytest.mark.parametrize("text", SOUND)
def test_a_query_yields_its_columns(text: str) -> None:
    frame, problems = resolve(text)

    assert problems == []
    assert frame is not None
    assert list(frame) == SOUND[text]


FAULTY = {
    "select id,\n       amout\nfrom orders": (2, "LF1051", "unknown column 'amout'"),
    "select o.nope from orders o": (1, "LF1051", "unknown column 'o.nope'"),
    "select id from orders\norder by nope": (2, "LF1051", "unknown column 'nope'"),
    "select id from orders o where exists\n (select 1 from customers c where o.nope = c.customer)": (
        2, "LF1051", "unknown column 'o.nope'",
    ),
    "with a as (select id from orders)\nselect customer from a": (2, "LF1051", "unknown column 'customer'"),
    "select id from orders where n > 1 group by id": (1, "LF1051", "unknown column 'n'"),
    "select id\nfrom ordrs": (2, "LF1042", "'ordrs' is not an input of this transformation"),
    "select customer from orders join customers on true": (
        1, "LF1056", "column 'customer' is in orders and customers",
    ),
    "select id from orders union select customer, country from customers": (
        1, "LF1052", "the sides of the set operation have 1 and 2 columns",
    ),
    "select id,\n sum(amount) as a from orders": (1, "LF1054", "column 'id' is neither aggregated nor in GROUP BY"),
    "select customer,\n id + 1 as next, sum(amount) as a from orders group by customer": (
        2, "LF1054", "column 'id' is neither aggregated nor in GROUP BY",
    ),
    "select customer, count(*) as n from orders group by upper(customer)": (
        1, "LF1054", "column 'customer' is neither aggregated nor in GROUP BY",
    ),
    "select id from orders having count(*) > 1": (1, "LF1054", "column 'id' is neither aggregated nor in GROUP BY"),
    "select id from orders\nwhere sum(amount) > 1": (
        2, "LF1054", "'SUM(amount)' is an aggregate, and WHERE is about single rows",
    ),
    "select id,\n count(*) from orders group by id": (2, "LF1055", "'COUNT(*)' has no name"),
}  # fmt: skip


@pytest.mark.parametrize("text", FAULTY)
def test_a_query_that_does_not_fit_says_where(text: str) -> None:
    _, problems = resolve(text)

    assert [(problem.line, problem.code, problem.message) for problem in problems] == [FAULTY[text]]


def test_a_text_nested_too_deep_is_refused_and_not_a_crash() -> None:
    assert [problem.code for problem in read_expression("(" * 5000 + "a" + ")" * 5000).problems] == ["LF1050"]


# What the Python API has beside functions of SQL: ways to make columns, sort orders, user-defined functions.
PYTHON_ONLY = """
arrow_udf arrow_udtf asc bitwise_not bucket call_function call_udf column count_distinct create_map days expr
hours listagg_distinct lit months negate overload pandas_udf quote string_agg_distinct sum_distinct udf udtf
unwrap_udt years
"""


@pytest.mark.parametrize(("text", "meant"), [("cuont(id)", "count"), ("dat_trunc('month', d)", "date_trunc")])
def test_a_misspelt_function_is_found(text: str, meant: str) -> None:
    (problem,) = read_expression(text).problems

    assert (problem.code, problem.remedy) == ("LF1057", f"did you mean '{meant}'?")


def test_no_function_of_spark_counts_as_misspelt() -> None:
    names = {name for name in dir(functions) if name == name.lower() and callable(getattr(functions, name))}

    called = [name for name in sorted(names.difference(PYTHON_ONLY.split())) if not name.startswith("_")]

    assert [name for name in called if meant_function(name) and name not in _REFUSED_FUNCTIONS] == []
