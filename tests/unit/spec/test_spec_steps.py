"""Steps that change values, choose rows and look at other inputs: the columns they leave, and what they refuse."""

from typing import Any

import pytest
from pydantic import ValidationError

from landfall.spec.frames import Frame
from landfall.spec.input_steps import check_key_types
from landfall.spec.model import Step, StepType
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path
from landfall.spec.step_columns import frame_after
from landfall.spec.step_documents import StepDocument

ORDERS = Frame(
    {
        "id": "int",
        "customer": "string",
        "amount": "decimal(10,2)",
        "placed_on": "date",
        "is_paid": "boolean",
        "xs": "array<int>",
    }
)
NESTED = Frame({"id": "int", "m": "map<string,decimal(4,2)>", "d": "double"})
INPUTS = {
    "orders": ORDERS,
    "customers": Frame({"customer": "string", "country": "string", "low": "int", "high": "int"}),
    "foreign": None,
}


def run(
    kind: str, config: Any, frame: Frame | None = ORDERS
) -> tuple[Frame | None, list[tuple[Path, str, str]]]:
    """Return the frame after a step, and place, code and message of each problem."""
    # What the file's model would not take never gets as far as the columns.
    StepDocument.model_validate({kind: config})
    found: list[tuple[Path, str, str]] = []

    def report(path: Path, problem: SqlProblem) -> None:
        found.append((path, problem.code, problem.message))

    return frame_after(Step(StepType(kind), config), frame, INPUTS, report), found


SAME = dict(ORDERS.types)
SOUND: list[tuple[str, Any, dict[str, str | None]]] = [
    ("limit", {"rows": 3}, SAME),
    ("limit", {"rows": 3, "order_by": ["amount desc nulls last", "id"]}, SAME),
    ("fill_nulls", {"AMOUNT": 0, "customer": "nobody", "placed_on": "2024-02-29", "is_paid": False}, SAME),
    ("fill_nulls", {"amount": 0.25}, SAME),
    ("replace_values", {"customer": {"values": {"x": "y"}, "to_null": ["", "n/a"]}}, SAME),
    ("replace_values", {"id": {"values": {"-1": 0}}, "amount": {"to_null": [-1]}}, SAME),
    (
        "window",
        {
            "partition_by": ["customer"],
            "order_by": ["placed_on desc"],
            "rows": ["first", 0],
            "measures": {"running": "sum(amount)", "number": "row_number()", "before": "lag(amount) ignore nulls"},
        },
        {**SAME, "running": None, "number": None, "before": None},
    ),
    ("lookup", {"with": "customers", "on": ["customer"], "columns": {"land": "country"}, "defaults": {"land": "?"}},
        {**SAME, "land": "string"}),
    ("join", {"with": "customers", "condition": "id between customers.low and customers.high", "columns": ["country"]},
        {**SAME, "country": "string"}),
    ("join", {"with": "customers", "on": ["customer"], "condition": "customers.low < xs[0]", "how": "semi"}, SAME),
    ("join", {"with": "customers", "how": "cross", "columns": ["low"], "broadcast": True}, {**SAME, "low": "int"}),
    ("intersect", {"with": ["orders"]}, SAME),
    (
        "explode",
        {"column": "XS", "as": "x", "position": "n"},
        {**{name: kind for name, kind in SAME.items() if name != "xs"}, "n": "int", "x": "int"},
    ),
    ("explode", {"column": "xs", "keep_empty": True}, {**SAME, "xs": "int"}),
    (
        "unpivot",
        {"columns": {"a label": "id"}, "name": "what", "value": "id"},
        {**{name: kind for name, kind in SAME.items() if name != "id"}, "what": "string", "id": "int"},
    ),
    (
        "pivot",
        {"by": ["customer"], "column": "id", "values": {"one": 1, "two": 2}, "measures": {"top": "max(amount)"}},
        {"customer": "string", "one": "decimal(10,2)", "two": "decimal(10,2)"},
    ),
    (
        "pivot",
        {"by": [], "column": "customer", "values": ["ann"], "measures": {"n": "count(*)", "s": "sum(id)"}},
        {"ann_n": "bigint", "ann_s": None},
    ),
    ("split", {"column": "customer", "separator": ".", "into": ["a", "b"]}, {**SAME, "a": "string", "b": "string"}),
    ("standardise", {"columns": ["customer"], "case": "lower"}, SAME),
    ("surrogate_key", {"name": "key", "columns": ["id", "placed_on", "amount"]}, {**SAME, "key": "string"}),
    ("mask", {"customer": "email", "id": "hash", "placed_on": "birth_date"}, {**SAME, "id": "string"}),
    ("sample", {"keys": ["id"], "percent": 0.5, "seed": 7}, SAME),
    ("except", {"with": ["orders", "orders"]}, SAME),
    (
        "aggregate",
        {
            "by": ["customer"],
            "measures": {"n": {"expression": "count(*)", "filter": "is_paid"}, "m": "count(distinct id)"},
            "totals": "cube",
            "level": "level",
        },
        {"customer": "string", "n": "bigint", "m": "bigint", "level": "bigint"},
    ),
    ("window", {"measures": {"n": "count(*)", "top": "max(amount)"}}, {**SAME, "n": "bigint", "top": "decimal(10,2)"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "config", "columns"), SOUND)
def test_a_step_yields_its_columns(kind: str, config: Any, columns: dict[str, str | None]) -> None:
    frame, found = run(kind, config)

    assert found == []
    assert frame is not None
    assert dict(frame.types) == columns
    assert list(frame) == list(columns)


FAULTY: list[tuple[str, Any, Path, str]] = [
    ("limit", {"rows": 3, "order_by": ["amout"]}, ("order_by", 0), "LF1051"),
    ("fill_nulls", {"amout": 0}, ("amout",), "LF1051"),
    ("fill_nulls", {"id": 2.5}, ("id",), "LF1030"),
    ("fill_nulls", {"id": 2147483648}, ("id",), "LF1030"),
    ("fill_nulls", {"amount": 0.001}, ("amount",), "LF1030"),
    ("fill_nulls", {"amount": 100000000}, ("amount",), "LF1030"),
    ("fill_nulls", {"customer": 0}, ("customer",), "LF1030"),
    ("fill_nulls", {"placed_on": "2023-02-29"}, ("placed_on",), "LF1030"),
    ("fill_nulls", {"is_paid": "no"}, ("is_paid",), "LF1030"),
    ("fill_nulls", {"xs": 1}, ("xs",), "LF1030"),
    ("replace_values", {"id": {"values": {"one": 1}}}, ("id", "values", "one"), "LF1030"),
    ("replace_values", {"id": {"to_null": [""]}}, ("id", "to_null", 0), "LF1030"),
    ("window", {"partition_by": ["x"], "measures": {"n": "count(*)"}}, ("partition_by",), "LF1051"),
    ("window", {"measures": {"n": "sum(amount) over (order by id)"}}, ("measures", "n"), "LF1054"),
    ("window", {"measures": {"n": "sum(amount) / 2"}}, ("measures", "n"), "LF1054"),
    ("window", {"measures": {"n": "upper(customer)"}}, ("measures", "n"), "LF1054"),
    ("window", {"measures": {"n": "lag(amount)"}}, ("measures", "n"), "LF1030"),
    ("window", {"measures": {"n": "count(distinct id)"}}, ("measures", "n"), "LF1053"),
    ("window", {"measures": {"n": "sum(id) filter (where is_paid)"}}, ("measures", "n"), "LF1053"),
    ("window", {"measures": {"ID": "count(*)"}}, ("measures", "ID"), "LF1052"),
    ("lookup", {"with": "nowhere", "on": ["customer"], "columns": ["country"]}, ("with",), "LF1042"),
    ("lookup", {"with": "customers", "on": ["customer"], "columns": ["land"]}, ("columns",), "LF1051"),
    (
        "lookup",
        {"with": "customers", "on": ["customer"], "columns": ["country"], "defaults": {"land": "?"}},
        ("defaults", "land"),
        "LF1051",
    ),
    (
        "lookup",
        {"with": "customers", "on": ["customer"], "columns": ["low"], "defaults": {"low": "?"}},
        ("defaults", "low"),
        "LF1030",
    ),
    ("join", {"with": "customers", "condition": "id > low", "columns": []}, ("condition",), "LF1051"),
    (
        "join",
        {"with": "customers", "condition": "id > customers.lowe", "columns": []},
        ("condition",),
        "LF1051",
    ),
    ("join", {"with": "customers", "condition": "max(id) > 3", "columns": []}, ("condition",), "LF1054"),
    ("join", {"with": "customers", "how": "cross"}, (), "LF1052"),
    ("intersect", {"with": ["customers"]}, ("with", 0), "LF1052"),
    ("explode", {"column": "id"}, ("column",), "LF1030"),
    ("explode", {"column": "ys"}, ("column",), "LF1051"),
    ("explode", {"column": "xs", "as": "id"}, ("as",), "LF1052"),
    ("unpivot", {"columns": ["id", "customer"], "name": "n", "value": "v"}, ("columns",), "LF1030"),
    ("unpivot", {"columns": ["id"], "name": "n", "value": "amount"}, ("value",), "LF1052"),
    (
        "pivot",
        {"by": [], "column": "id", "values": {"a": "x"}, "measures": {"n": "count(*)"}},
        ("values", "a"),
        "LF1030",
    ),
    (
        "pivot",
        {"by": [], "column": "customer", "values": ["a", "b c"], "measures": {"n": "count(*)"}},
        ("values", 1),
        "LF1022",
    ),
    (
        "pivot",
        {"by": ["id"], "column": "customer", "values": {"id": "a"}, "measures": {"n": "count(*)"}},
        ("values",),
        "LF1052",
    ),
    (
        "pivot",
        {"by": [], "column": "customer", "values": ["a"], "measures": {"n": "sum(id) / 2"}},
        ("measures", "n"),
        "LF1054",
    ),
    ("split", {"column": "id", "separator": ",", "into": ["a"]}, ("column",), "LF1030"),
    ("split", {"column": "customer", "separator": ",", "into": ["id"]}, ("into",), "LF1052"),
    ("standardise", {"columns": ["customer", "amount"]}, ("columns", 1), "LF1030"),
    ("surrogate_key", {"name": "key", "columns": ["xs"]}, ("columns",), "LF1030"),
    ("surrogate_key", {"name": "id", "columns": ["id"]}, ("name",), "LF1052"),
    ("mask", {"id": "email"}, ("id",), "LF1030"),
    ("mask", {"customer": "birth_date"}, ("customer",), "LF1030"),
    ("mask", {"xs": "hash"}, ("xs",), "LF1030"),
    ("sample", {"keys": ["idd"], "percent": 10}, ("keys",), "LF1051"),
    ("except", {"with": ["nowhere"]}, ("with", 0), "LF1042"),
    (
        "aggregate",
        {"by": [], "measures": {"n": {"expression": "sum(id) / 2", "filter": "is_paid"}}},
        ("measures", "n", "expression"),
        "LF1054",
    ),
    (
        "aggregate",
        {"by": [], "measures": {"n": {"expression": "sum(id)", "filter": "paid"}}},
        ("measures", "n", "filter"),
        "LF1051",
    ),
    (
        "aggregate",
        {"by": ["id"], "measures": {"n": "count(*)"}, "totals": "cube", "level": "n"},
        ("level",),
        "LF1052",
    ),
]


@pytest.mark.parametrize(("kind", "config", "place", "code"), FAULTY)
def test_a_step_that_does_not_fit_says_where(kind: str, config: Any, place: Path, code: str) -> None:
    _, found = run(kind, config)

    assert (place, code) in [(at, fault) for at, fault, _ in found]


@pytest.mark.parametrize(("kind", "config"), [(kind, config) for kind, config, *_ in [*SOUND, *FAULTY]])
def test_columns_of_an_unknown_frame_are_not_checked(kind: str, config: Any) -> None:
    frame, found = run(kind, config, frame=None)

    assert frame is None or kind in ("aggregate", "pivot")
    of_other_inputs = ("columns", "defaults", "condition")
    assert "LF1051" not in [
        fault for at, fault, _ in found if at[:1] not in [(key,) for key in of_other_inputs]
    ]


def test_a_name_that_is_a_column_and_an_input_is_ambiguous_in_a_condition() -> None:
    frame = Frame({"customers": "struct<low:int>", "id": "int"})

    _, found = run("join", {"with": "customers", "condition": "id > customers.low"}, frame)

    assert [(at, code) for at, code, _ in found] == [(("condition",), "LF1056")]


def test_an_exploded_map_gives_entries() -> None:
    frame, found = run("explode", {"column": "m", "as": "entry"}, NESTED)

    assert found == []
    assert frame is not None
    assert frame.type_of("entry") == "struct<key:string,value:decimal(4,2)>"


@pytest.mark.parametrize(
    ("settings", "names"), [({}, ["address_street", "address_no"]), ({"prefix": ""}, ["street", "no"])]
)
def test_a_flattened_struct_gives_its_fields(settings: dict[str, Any], names: list[str]) -> None:
    frame = Frame({"id": "int", "Address": "struct<street:string,no:array<struct<a:int,b:decimal(4,2)>>>"})

    after, found = run("flatten", {"column": "address", **settings}, frame)

    assert found == []
    assert after is not None
    assert [name.lower() for name in after] == ["id", *names]
    assert list(after.types.values())[1:] == ["string", "array<struct<a:int,b:decimal(4,2)>>"]


@pytest.mark.parametrize(
    ("column", "prefix", "place", "code"),
    [("id", "x_", ("column",), "LF1030"), ("s", "", ("prefix",), "LF1052"), ("t", "", ("column",), "LF1051")],
)
def test_a_struct_that_cannot_be_flattened(column: str, prefix: str, place: Path, code: str) -> None:
    _, found = run(
        "flatten", {"column": column, "prefix": prefix}, Frame({"id": "int", "s": "struct<id:int>"})
    )

    assert [(at, fault) for at, fault, _ in found] == [(place, code)]


def test_floating_point_numbers_are_no_keys() -> None:
    _, found = run("surrogate_key", {"name": "key", "columns": ["d"]}, NESTED)

    assert [code for _, code, _ in found] == ["LF1030"]


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("except", {"with": ["foreign"]}),
        ("limit", {"rows": 1}),
        ("dedupe", {"keys": ["id"]}),
        ("window", {"order_by": ["id"], "measures": {"n": "count(*)"}}),
        ("window", {"partition_by": ["m"], "measures": {"n": "count(*)"}}),
        ("aggregate", {"by": ["m"], "measures": {"n": "count(*)"}}),
        ("pivot", {"by": ["m"], "column": "id", "values": {"one": 1}, "measures": {"n": "count(*)"}}),
        ("sort", ["id", "m desc"]),
    ],
)
def test_rows_with_maps_cannot_be_compared(kind: str, config: Any) -> None:
    _, found = run(kind, config, Frame({"id": "int", "m": "map<string,int>"}))

    assert [code for _, code, _ in found] == ["LF1030"]


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("rename", {"id": "a", "ID": "b"}),
        ("derive", {"a": "id", "A": "id"}),
        ("cast", {"id": "bigint", "ID": "string"}),
        ("fill_nulls", {"id": 0, "ID": 1}),
        ("replace_values", {"id": {"to_null": [0]}, "ID": {"to_null": [1]}}),
        ("mask", {"customer": "name", "CUSTOMER": "text"}),
    ],
)
def test_names_that_differ_by_case_only_are_one_column(kind: str, config: Any) -> None:
    _, found = run(kind, config)

    assert [(at, code) for at, code, _ in found] == [((list(config)[1],), "LF1041")]


@pytest.mark.parametrize(
    ("kind", "config", "part"),
    [
        ("limit", {"rows": 0}, "greater than or equal"),
        ("sample", {"keys": ["id"], "percent": 0}, "above 0"),
        ("sample", {"keys": ["id"], "percent": 101}, "at most 100"),
        ("sample", {"keys": ["id"], "percent": True}, "above 0"),
        ("mask", {"customer": "secret"}, "Input should be"),
        ("split", {"column": "customer", "separator": "", "into": ["a"]}, "at least 1"),
        ("join", {"with": "customers"}, "neither on nor condition"),
        ("join", {"with": "customers", "how": "cross", "on": ["id"]}, "pairs all rows"),
        ("join", {"with": "customers", "condition": "true", "unique": True}, "unique: is about"),
        ("join", {"with": "customers", "condition": "true", "null_safe": True}, "null_safe: is about"),
        ("join", {"with": "customers", "on": ["id"], "how": "anti", "unique": True}, "never multiplies"),
        ("join", {"with": "customers", "on": ["id"], "how": "full", "broadcast": True}, "cannot broadcast"),
        ("lookup", {"with": "customers", "on": ["id"], "columns": []}, "at least 1"),
        ("intersect", {"with": ["customers"], "all": True}, "Extra inputs"),
        (
            "aggregate",
            {"by": [], "measures": {"n": "count(*)"}, "totals": "cube", "level": "l"},
            "by: is empty",
        ),
        (
            "aggregate",
            {"by": ["id"], "measures": {"n": "count(*)"}, "totals": "cube"},
            "null in place of a group",
        ),
        ("aggregate", {"by": ["id"], "measures": {"n": "count(*)"}, "level": "l"}, "without totals"),
        ("replace_values", {"id": {}}, "replaces nothing"),
        (
            "window",
            {"order_by": ["id"], "rows": [0, -1], "measures": {"n": "count(*)"}},
            "ends before it starts",
        ),
        (
            "window",
            {"order_by": ["id"], "rows": ["last", 0], "measures": {"n": "count(*)"}},
            "ends before it starts",
        ),
        ("window", {"order_by": ["id"], "rows": [0, "end"], "measures": {"n": "count(*)"}}, "whole number"),
        ("window", {"rows": [0, 1], "measures": {"n": "count(*)"}}, "needs an order"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(kind: str, config: Any, part: str) -> None:
    with pytest.raises(ValidationError, match=part):
        StepDocument.model_validate({kind: config})


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"placed_on": "int"}, "column 'placed_on' is date, and there is no cast to int"),
        ({"placed_on": "boolean"}, "column 'placed_on' is date, and there is no cast to boolean"),
        ({"id": "date"}, "column 'id' is int, and there is no cast to date"),
        ({"id": "binary"}, "column 'id' is int, and there is no cast to binary"),
        ({"is_paid": "timestamp"}, "column 'is_paid' is boolean, and there is no cast to timestamp"),
        ({"xs": "int"}, "column 'xs' is array<int>, and there is no cast to int"),
        ({"customer": "array<int>"}, "column 'customer' is string, and there is no cast to array<int>"),
        (
            {"id": {"type": "date", "format": "yyyyMMdd"}},
            "column 'id' is int, and a format says how text is read",
        ),
    ],
    ids=str,
)
def test_a_cast_that_there_is_not_is_told(config: dict[str, Any], fault: str) -> None:
    _, found = run("cast", config)

    assert [(code, message) for _, code, message in found] == [("LF1030", fault)]


@pytest.mark.parametrize(
    "config",
    [
        {"id": "boolean"},
        {"id": "timestamp"},
        {"amount": "int"},
        {"placed_on": "timestamp"},
        {"is_paid": "decimal(1,0)"},
        {"xs": "array<bigint>"},
        {"xs": "string"},
        {"customer": "binary"},
    ],
    ids=str,
)
def test_a_cast_that_there_is_passes(config: dict[str, Any]) -> None:
    assert run("cast", config)[1] == []


@pytest.mark.parametrize(
    ("left", "right", "is_told"),
    [
        ("date", "int", True),
        ("boolean", "int", True),
        ("timestamp", "bigint", True),
        ("map<string,int>", "map<string,int>", True),
        ("array<int>", "int", True),
        ("array<int>", "string", True),
        ("date", "timestamp", False),
        ("int", "decimal(10,2)", False),
        ("string", "bigint", False),
        ("struct<a:int>", "struct<a:int>", False),
    ],
)
def test_keys_of_a_join_are_of_kinds_that_are_compared(left: str, right: str, *, is_told: bool) -> None:
    found: list[str] = []

    def report(_path: Path, problem: SqlProblem) -> None:
        found.append(problem.code)

    check_key_types({"mine": "theirs"}, Frame({"mine": left}), Frame({"theirs": right}), report)

    assert found == (["LF1030"] if is_told else [])
