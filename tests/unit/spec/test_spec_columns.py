"""What each step does to the columns of a frame, and what it is told when it cannot."""

from typing import Any

import pytest

from landfall.spec.frames import Frame
from landfall.spec.model import Step, StepType
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path
from landfall.spec.step_columns import frame_after

ORDERS = Frame(
    {"id": "int", "customer": "string", "amount": "double", "placed_on": "date", "xs": "array<int>"}
)
CUSTOMERS = Frame({"customer": "string", "country": "string"})
INPUTS = {"orders": ORDERS, "customers": CUSTOMERS, "foreign": None}


def run(
    kind: str, config: Any, frame: Frame | None = ORDERS
) -> tuple[Frame | None, list[tuple[Path, str, str]]]:
    """Return the frame after a step, and place, code and message of each problem."""
    found: list[tuple[Path, str, str]] = []

    def report(path: Path, problem: SqlProblem) -> None:
        found.append((path, problem.code, problem.message))

    return frame_after(Step(StepType(kind), config), frame, INPUTS, report), found


SOUND: list[tuple[str, Any, dict[str, str | None]]] = [
    ("select", ["id", "upper(customer) as name"], {"id": "int", "name": "string"}),
    ("select", ["*", "1 as one"], {**ORDERS.types, "one": None}),
    ("filter", "amount > 3 and customer like 'a%'", dict(ORDERS.types)),
    ("join", {"with": "customers", "on": ["customer"]}, {**ORDERS.types, "country": "string"}),
    ("join", {"with": "customers", "on": ["customer"], "how": "anti"}, dict(ORDERS.types)),
    (
        "join",
        {"with": "orders", "on": {"id": "id"}, "columns": {"other_amount": "amount"}},
        {**ORDERS.types, "other_amount": "double"},
    ),
    (
        "aggregate",
        {"by": ["customer"], "measures": {"n": "count(*)", "top": "max(amount)", "share": "sum(amount) / count(*)"}},
        {"customer": "string", "n": "bigint", "top": "double", "share": None},
    ),
    ("aggregate", {"by": [], "measures": {"n": "count(*)"}}, {"n": "bigint"}),
    ("derive", {"ID": "cast(id as string)", "big": "amount > 10"}, {**ORDERS.types, "id": "string", "big": "boolean"}),
    ("rename", {"id": "customer", "customer": "id"}, {
        "customer": "int", "id": "string", "amount": "double", "placed_on": "date", "xs": "array<int>"
    }),
    ("cast", {"id": "long", "customer": {"type": "date", "format": "yyyy"}}, {
        **ORDERS.types, "id": "bigint", "customer": "date"
    }),
    ("drop", ["xs", "Amount"], {"id": "int", "customer": "string", "placed_on": "date"}),
    ("union", {"with": ["customers"], "allow_missing": True}, {**ORDERS.types, "country": "string"}),
    ("dedupe", {"keys": ["id"], "order_by": ["placed_on desc", "amount"]}, dict(ORDERS.types)),
    ("sort", ["amount desc nulls last", "ID"], dict(ORDERS.types)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "config", "columns"), SOUND)
def test_a_step_yields_its_columns(kind: str, config: Any, columns: dict[str, str | None]) -> None:
    frame, found = run(kind, config)

    assert found == []
    assert frame is not None
    assert dict(frame.types) == columns


FAULTY: list[tuple[str, Any, Path, str]] = [
    ("select", ["id", "amount * 2"], (1,), "LF1055"),
    ("select", ["id", "ID"], (1,), "LF1052"),
    ("select", ["amount as `my amount`"], (0,), "LF1022"),
    ("filter", "amount > (select 1)", (), "LF1053"),
    ("filter", "sum(amount) > 3", (), "LF1054"),
    ("filter", "row_number() over (order by id) = 1", (), "LF1054"),
    ("filter", "o.amount > 3", (), "LF1051"),
    (
        "join",
        {"with": "customers", "on": ["customer"], "how": "semi", "columns": ["country"]},
        ("columns",),
        "LF1030",
    ),
    ("join", {"with": "orders", "on": ["id"]}, (), "LF1052"),
    ("aggregate", {"by": ["customr"], "measures": {"n": "count(*)"}}, ("by",), "LF1051"),
    ("aggregate", {"by": ["id"], "measures": {"id": "count(*)"}}, ("measures", "id"), "LF1052"),
    ("derive", {"x": "*"}, ("x",), "LF1050"),
    ("derive", {"x": "sum(amount)"}, ("x",), "LF1054"),
    ("rename", {"id": "Amount"}, (), "LF1052"),
    ("cast", {"id": {"type": "int", "format": "yyyy"}}, ("id",), "LF1030"),
    ("drop", list(ORDERS.types), (), "LF1030"),
    ("union", {"with": ["customers"]}, ("with", 0), "LF1052"),
    ("sort", ["lower(customer)"], (0,), "LF1050"),
    ("dedupe", {"keys": ["id"], "order_by": ["placed desc"]}, ("order_by", 0), "LF1051"),
]


@pytest.mark.parametrize(("kind", "config", "place", "code"), FAULTY)
def test_a_step_that_does_not_fit_says_where(kind: str, config: Any, place: Path, code: str) -> None:
    _, found = run(kind, config)

    assert (place, code) in [(at, fault) for at, fault, _ in found]


@pytest.mark.parametrize(("kind", "config", "place", "code"), FAULTY)
def test_columns_of_an_unknown_frame_are_not_checked(kind: str, config: Any, place: Path, code: str) -> None:
    _, found = run(kind, config, frame=None)

    assert "LF1051" not in [fault for at, fault, _ in found if at[:1] != ("columns",)]


def test_what_a_step_names_in_full_is_known_although_its_input_is_not() -> None:
    frame, found = run("select", ["a", "cast(b as date) as day"], frame=None)

    assert found == []
    assert frame == Frame({"a": None, "day": "date"})


def test_load_columns_can_be_read_but_do_not_go_further_by_themselves() -> None:
    landed = Frame({"id": "int"}, has_load_columns=True)

    frame, found = run("select", ["id", "_source_file as file"], landed)
    _, unknown = run("filter", "_landed_by = 'x'", landed)

    assert found == []
    assert frame == Frame({"id": "int", "file": None})
    assert [code for _, code, _ in unknown] == ["LF1051"]
