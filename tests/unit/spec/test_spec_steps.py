"""Steps that change values, choose rows and look at other inputs: the columns they leave, and what they refuse."""

from typing import Any

import pytest
from pydantic import ValidationError

from landfall.spec.frames import Frame
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
]


@pytest.mark.parametrize(("kind", "config", "place", "code"), FAULTY)
def test_a_step_that_does_not_fit_says_where(kind: str, config: Any, place: Path, code: str) -> None:
    _, found = run(kind, config)

    assert (place, code) in [(at, fault) for at, fault, _ in found]


@pytest.mark.parametrize(("kind", "config"), [(kind, config) for kind, config, *_ in [*SOUND, *FAULTY]])
def test_columns_of_an_unknown_frame_are_not_checked(kind: str, config: Any) -> None:
    _, found = run(kind, config, frame=None)

    assert "LF1051" not in [fault for _, fault, _ in found]


@pytest.mark.parametrize(
    ("kind", "config", "part"),
    [
        ("limit", {"rows": 0}, "greater than or equal"),
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
