"""Where columns come from: one case for each type of step, and what leads into quarantine."""

from typing import Any

import pytest

from landfall.lineage.columns import column_edges
from landfall.lineage.edges import DependencyKind
from landfall.lineage.steps import _TRACERS
from landfall.spec.frames import Frame
from landfall.spec.model import Column, Severity, Step, StepType, Write, WriteMode
from tests.builders import a_built_dataset, a_landed_dataset, a_product, a_rule, a_transformation

LEFT = a_landed_dataset(
    "l",
    columns=[
        Column("k", "int"),
        Column("a", "int"),
        Column("b", "string"),
        Column("items", "array<int>"),
        Column("place", "struct<city:string,zip:string>"),
    ],
)
RIGHT = a_landed_dataset("r", columns=[Column("k", "int"), Column("c", "int"), Column("d", "int")])
SAME = a_landed_dataset("s", columns=LEFT.columns)


def lineage(*steps: tuple[str, Any], inputs: tuple[str, ...] = ("l", "r", "s")) -> dict[str, set[str]]:
    """Return what each column is made of, and under ``*`` what decides about the rows.

    Inputs that a case does not read are left out: they lead to ``*`` as a whole.
    """
    product = a_product(
        a_transformation(
            "build_t", inputs=inputs, steps=[Step(StepType(kind), config) for kind, config in steps]
        ),
        landed=[LEFT, RIGHT, SAME],
    )
    found: dict[str, set[str]] = {}
    for edge in column_edges(product, {}):
        if edge.target.dataset == "sales/orders.t":
            source = str(edge.source).removeprefix("sales/orders.")
            if source.endswith(".*"):
                continue
            found.setdefault(edge.target.column, set()).add(source)
            assert (edge.kind is DependencyKind.FILTER) == (edge.target.column == "*")
    return found


CASES: dict[str, tuple[list[tuple[str, Any]], dict[str, set[str]]]] = {
    "select": ([("select", ["k", "a + k as n"])], {"k": {"l.k"}, "n": {"l.a", "l.k"}}),
    "filter": (
        [("select", ["k"]), ("filter", "k > 1")],
        {"k": {"l.k"}, "*": {"l.k"}},
    ),
    "join": (
        [("join", {"with": "r", "on": ["k"], "columns": {"other": "c"}}), ("select", ["a", "other"])],
        {"a": {"l.a"}, "other": {"r.c"}, "*": {"l.k", "r.k"}},
    ),
    "join that takes the key of either side": (
        [("join", {"with": "r", "on": ["k"], "how": "full", "columns": []}), ("select", ["k"])],
        {"k": {"l.k", "r.k"}, "*": {"l.k", "r.k"}},
    ),
    "join on a condition": (
        [("join", {"with": "r", "condition": "a > r.d", "columns": ["c"]}), ("select", ["c"])],
        {"c": {"r.c"}, "*": {"l.a", "r.d"}},
    ),
    "semi join": (
        [("join", {"with": "r", "on": {"a": "d"}, "how": "semi"}), ("select", ["k"])],
        {"k": {"l.k"}, "*": {"l.a", "r.d"}},
    ),
    "lookup": (
        [("lookup", {"with": "r", "on": ["k"], "columns": ["c"]}), ("select", ["a", "c"])],
        {"a": {"l.a"}, "c": {"r.c", "l.k", "r.k"}},
    ),
    "aggregate": (
        [
            (
                "aggregate",
                {
                    "by": ["k"],
                    "measures": {
                        "rows": "count(*)",
                        "total": "sum(a)",
                        "some": {"expression": "sum(a)", "filter": "b = 'x'"},
                    },
                },
            )
        ],
        {"k": {"l.k"}, "total": {"l.a"}, "some": {"l.a", "l.b"}, "*": {"l.k"}},
    ),
    "derive": (
        [("select", ["a", "b"]), ("derive", {"a": "length(b)", "n": "a * 2"})],
        {"a": {"l.b"}, "b": {"l.b"}, "n": {"l.a"}},
    ),
    "rename, cast, drop": (
        [("select", ["k", "a", "b"]), ("rename", {"a": "x"}), ("cast", {"x": "string"}), ("drop", ["b"])],
        {"k": {"l.k"}, "x": {"l.a"}},
    ),
    "union": (
        [("union", {"with": ["s"]}), ("select", ["k"])],
        {"k": {"l.k", "s.k"}},
    ),
    "union with columns of one side": (
        [("select", ["k", "a"]), ("union", {"with": ["r"], "allow_missing": True})],
        {"k": {"l.k", "r.k"}, "a": {"l.a"}, "c": {"r.c"}, "d": {"r.d"}},
    ),
    "dedupe": (
        [("select", ["k", "a"]), ("dedupe", {"keys": ["k"], "order_by": ["a desc"]})],
        {"k": {"l.k"}, "a": {"l.a"}, "*": {"l.k", "l.a"}},
    ),
    "limit": (
        [("limit", {"rows": 3, "order_by": ["b"]}), ("select", ["k"])],
        {"k": {"l.k"}, "*": {"l.b"}},
    ),
    "sample": ([("sample", {"keys": ["b"], "percent": 10}), ("select", ["k"])], {"k": {"l.k"}, "*": {"l.b"}}),
    "window": (
        [
            ("window", {"partition_by": ["k"], "order_by": ["b"], "measures": {"sofar": "sum(a)"}}),
            ("select", ["sofar"]),
        ],
        {"sofar": {"l.a", "l.k", "l.b"}},
    ),
    "explode": (
        [("explode", {"column": "items", "as": "item", "position": "at"}), ("select", ["item", "at", "k"])],
        {"item": {"l.items"}, "at": {"l.items"}, "k": {"l.k"}, "*": {"l.items"}},
    ),
    "flatten": (
        [("select", ["k", "place"]), ("flatten", {"column": "place"})],
        {"k": {"l.k"}, "place_city": {"l.place"}, "place_zip": {"l.place"}},
    ),
    "unpivot": (
        [
            ("select", ["b", "k", "a"]),
            ("unpivot", {"columns": ["k", "a"], "name": "what", "value": "number"}),
        ],
        {"b": {"l.b"}, "number": {"l.k", "l.a"}},
    ),
    "pivot": (
        [("pivot", {"by": ["k"], "column": "b", "values": ["x", "y"], "measures": {"total": "sum(a)"}})],
        {"k": {"l.k"}, "x": {"l.a", "l.b"}, "y": {"l.a", "l.b"}, "*": {"l.k"}},
    ),
    "split": (
        [("split", {"column": "b", "separator": "-", "into": ["x", "y"]}), ("select", ["x", "y"])],
        {"x": {"l.b"}, "y": {"l.b"}},
    ),
    "surrogate key": (
        [("surrogate_key", {"name": "id", "columns": ["k", "b"]}), ("select", ["id"])],
        {"id": {"l.k", "l.b"}},
    ),
    "steps that keep each column to itself": (
        [
            ("select", ["k", "a", "b"]),
            ("fill_nulls", {"a": 0}),
            ("replace_values", {"b": {"to_null": ["-"]}}),
            ("standardise", {"columns": ["b"]}),
            ("mask", {"b": "hash"}),
            ("sort", ["k desc"]),
        ],
        {"k": {"l.k"}, "a": {"l.a"}, "b": {"l.b"}},
    ),
    "sql": (
        [
            (
                "sql",
                "select this.k, sum(r.c) as c from this join r on r.k = this.k where b <> '' group by this.k",
            )
        ],
        {"k": {"l.k"}, "c": {"r.c"}, "*": {"l.k", "r.k", "l.b"}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_step_leads_its_columns_on(name: str) -> None:
    steps, expected = CASES[name]

    assert lineage(*steps) == expected


@pytest.mark.parametrize("kind", ["intersect", "except"])
def test_sets_of_rows_keep_a_row_by_all_of_its_values(kind: str) -> None:
    found = lineage((kind, {"with": ["s"]}), ("select", ["k"]), inputs=("l", "s"))

    assert found["k"] == {"l.k"}
    assert {"l.a", "s.k", "s.a"} <= found["*"]


def test_every_type_of_step_has_its_case() -> None:
    covered = {kind for steps, _ in CASES.values() for kind, _ in steps} | {"intersect", "except"}

    assert covered == {kind.value for kind in _TRACERS}


def test_a_load_column_and_a_port_of_unknown_columns_are_named_all_the_same() -> None:
    product = a_product(
        a_transformation(
            "build_t",
            inputs=["orders_landed", "crm/base.customer@1"],
            steps=[
                Step(StepType.JOIN, {"with": "customer", "on": ["id"], "columns": ["name"]}),
                Step(StepType.DERIVE, {"file": "_source_file"}),
            ],
        )
    )

    sources = {
        (edge.target.column, str(edge.source))
        for edge in column_edges(product, {})
        if edge.target.dataset == "sales/orders.t"
    }

    assert ("name", "crm/base.customer.name") in sources
    assert ("file", "sales/orders.orders_landed._source_file") in sources
    assert ("*", "crm/base.customer.id") in sources


def test_an_input_of_which_only_rows_are_counted_leads_to_the_target() -> None:
    count = Step(StepType.AGGREGATE, {"by": [], "measures": {"n": "count(*)"}})
    product = a_product(a_transformation("build_t", inputs=["r"], steps=[count]), landed=[RIGHT])

    edges = [(str(e.source), str(e.target), e.kind.value) for e in column_edges(product, {})]

    assert ("sales/orders.r.*", "sales/orders.t.*", "filter") in edges


def test_the_columns_of_a_port_are_followed_where_they_are_known() -> None:
    product = a_product(
        a_transformation("build_t", inputs=["crm/base.customer@1"], steps=[Step(StepType.SELECT, ["*"])]),
        landed=[],
    )

    edges = column_edges(product, {"crm/base.customer@1": Frame({"id": "int", "name": "string"})})

    assert [(str(edge.source), edge.target.column) for edge in edges] == [
        ("crm/base.customer.id", "id"),
        ("crm/base.customer.name", "name"),
    ]


def test_what_a_write_goes_by_decides_about_the_rows_of_the_table() -> None:
    write = Write(WriteMode.MERGE, ("n",), order_by="a", delete_when="items is null")
    product = a_product(
        a_transformation("build_t", inputs=["l"], steps=[Step(StepType.DERIVE, {"n": "k"})], write=write),
        landed=[LEFT],
        built=[a_built_dataset("t", quality=[a_rule("known", config={"columns": ["n"]})])],
    )

    edges = column_edges(product, {})

    decides = {edge.source.column for edge in edges if str(edge.target) == "sales/orders.t.*"}
    assert decides == {"k", "a", "items"}
    # What was refused was not written: it is made of all columns still.
    refused = {edge.source.column for edge in edges if edge.target.column == "_row"}
    assert refused == {"k", "a", "b", "items", "place"}


def test_the_times_of_a_version_are_made_of_the_order_of_the_rows() -> None:
    write = Write(WriteMode.SCD2, ("k",), order_by="a", valid_from="since", valid_to="until")
    product = a_product(
        a_transformation("build_t", inputs=["l"], steps=[Step(StepType.SELECT, ["k", "a"])], write=write),
        landed=[LEFT],
    )

    found: dict[str, set[str]] = {}
    for edge in column_edges(product, {}):
        if edge.target.dataset == "sales/orders.t":
            found.setdefault(edge.target.column, set()).add(edge.source.column)

    times = {name: {"a"} for name in ("since", "until", "is_current")}
    assert found == {"k": {"k"}, "a": {"a"}, "*": {"k", "a"}, **times}


def test_refused_rows_are_made_of_what_the_dataset_is_made_of() -> None:
    rule = a_rule("known", config={"columns": ["n"]}, filter="m > 0")
    product = a_product(
        a_transformation(
            "build_t",
            inputs=["l"],
            steps=[Step(StepType.FILTER, "k > 0"), Step(StepType.SELECT, ["k", "a as n", "length(b) as m"])],
        ),
        landed=[LEFT],
        built=[a_built_dataset("t", quality=[rule, a_rule("seen", severity=Severity.WARN)])],
    )

    found: dict[str, set[str]] = {}
    for edge in column_edges(product, {}):
        if edge.target.dataset == "quarantine/sales/orders.t":
            found.setdefault(edge.target.column, set()).add(edge.source.column)

    assert found == {"_row": {"k", "a", "b"}, "_rules": {"a", "b"}}


def test_what_code_makes_of_columns_is_assumed_and_what_is_known_beside_it_is_not() -> None:
    opaque = Step(
        StepType.PYTHON, {"call": "shaping:shape", "source": "", "columns": {"k": "int", "n": "int"}}
    )
    product = a_product(
        a_transformation(
            "build_o", inputs=["l"], output="o", steps=[opaque, Step(StepType.SELECT, ["k", "n"])]
        ),
        a_transformation(
            "build_t", inputs=["o", "l"], output="t", steps=[Step(StepType.SELECT, ["n", "upper(n) as m"])]
        ),
        landed=[LEFT],
    )

    found: dict[tuple[str, str], set[str]] = {}
    for edge in column_edges(product, {}):
        place = (edge.target.dataset.rpartition(".")[2], edge.target.column)
        found.setdefault(place, set()).add(f"{edge.source.column} {edge.kind}")

    everything = {f"{name} assumed" for name in ("k", "a", "b", "items", "place")}
    assert found["o", "n"] == everything
    assert found["o", "*"] == everything
    # What is made of it afterwards is known again: of the column that the code has left.
    assert found["t", "m"] == {"n value"}
