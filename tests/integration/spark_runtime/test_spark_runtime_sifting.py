"""Rows that are read again are published and refused as if all of them had been staged."""

from typing import Any

import pytest

from spark_runtime.publishing import publish_staged
from spark_runtime.sifting import can_be_read_again
from spark_runtime.step_spec import Step, StepType
from spark_runtime.write import publish
from tests.integration.spark_runtime.workbench import Workbench, counts, rule, rule_counts

ROWS = """
    SELECT id, CASE WHEN id % 7 = 0 THEN NULL WHEN id % 5 = 0 THEN id - 1 ELSE id END AS key,
        CASE WHEN id % 11 = 0 THEN NULL ELSE id % 13 END AS amount, concat('r', id % 3) AS region
    FROM range(500)
"""
RULES = [
    rule("paid", "not_null", columns=["amount"]),
    rule("small", "range", column="amount", max=10),
    rule("small_here", "range", "warn", filter="region = 'r1'", column="amount", max=5),
    rule("odd", "expression", "warn", expression="id % 2 = 1"),
    rule("known", "foreign_key", columns=["region"], references="regions"),
    rule("not_barred", "forbidden_values", "warn", column="id", references="barred", to=["id"]),
]
INPUTS = ("orders", "regions", "barred")
UNIQUE = rule("one_each", "unique", columns=["key"])
# Lets every row pass, and forbids a second look.
LOT = rule("lot", "expression", expression="rand() >= 0")


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    bench.save("orders", ROWS)
    bench.save("regions", "SELECT * FROM VALUES ('r0'), ('r1'), ('r1') AS t(region)")
    bench.save("barred", "SELECT * FROM VALUES (3L), (17L), (17L), (NULL) AS t(id)")
    return bench


@pytest.mark.parametrize("many", [1, 1_000_000], ids=["many", "few"])
@pytest.mark.parametrize(
    "more",
    [
        [],
        [UNIQUE],
        [UNIQUE | {"severity": "warn"}],
        [UNIQUE | {"filter": "region = 'r0'"}],
        [rule("pairs", "unique", columns=["amount", "region"], filter="id < 20"), UNIQUE],
        [rule("names", "unique", columns=["region"], filter="id < 3")],
        [rule("both", "unique", columns=["key", "region"])],
        [rule("ids", "unique", columns=["id"])],
    ],
)
def test_a_second_look_publishes_what_staging_would(
    shop: Workbench, more: list[dict[str, Any]], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spark_runtime.sifting._MANY_ROWS", many)
    rules = [*RULES, *more]

    seen_twice = shop.transform(rules=rules, inputs=INPUTS, dataset="twice")
    staged = shop.transform(rules=[*rules, LOT], inputs=INPUTS, dataset="staged")

    assert seen_twice["error"] is None
    assert counts(seen_twice) == counts(staged)
    assert rule_counts(seen_twice) | {"lot": (500, 0)} == rule_counts(staged)
    assert shop.rows("twice") == shop.rows("staged")
    assert shop.quarantined("twice") == shop.quarantined("staged")


def test_an_input_that_moves_on_is_read_as_it_was(shop: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def move_on(*args: Any, **kwargs: Any) -> None:
        shop.save("orders", "SELECT id, id AS key, 1L AS amount, 'r1' AS region FROM range(1000, 1500)")
        publish_staged(*args, **kwargs)

    monkeypatch.setattr("spark_runtime.transform.publish_staged", move_on)

    result = shop.transform(rules=[*RULES, UNIQUE], inputs=INPUTS)

    assert result["error"] is None
    assert counts(result)[0] == 500
    assert all(row[0] < 500 for row in shop.rows("built", "id"))


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Plans by which valid rows were published, as the engine tells them."""
    told: list[str] = []

    def look_at_plan(job: Any, df: Any, types: Any) -> Any:
        told.append(df._explain_string(extended=True))
        return publish(job, df, types)

    monkeypatch.setattr("spark_runtime.publishing.publish", look_at_plan)
    return told


def test_rows_are_not_spread_by_their_key_to_leave_many_out(bench: Workbench, plans: list[str]) -> None:
    bench.save("many", "SELECT id, if(id % 2 = 0, id, -1L) AS amount FROM range(300000)")
    rules = [rule("paid", "range", column="amount", min=0), rule("one_each", "unique", columns=["id"])]

    result = bench.transform(rules=rules, inputs=("many",))

    assert counts(result) == (300_000, 150_000, 150_000)
    assert "mode=CollectLeft, join_type=RightAnti" in plans[0]


@pytest.mark.parametrize(
    ("key", "refused"), [("id", 0), ("if(id < 20, 1L, id)", 20), ("id - id % 2", 300_000)]
)
def test_repeated_keys_are_held_in_memory_and_not_the_rows(
    bench: Workbench, plans: list[str], key: str, refused: int
) -> None:
    bench.save("many", f"SELECT id, {key} AS key FROM range(300000)")  # noqa: S608 - a fixed text

    result = bench.transform(rules=[rule("one_each", "unique", columns=["key"]), LOT], inputs=("many",))

    assert counts(result) == (300_000, 300_000 - refused, refused)
    # The side that is held is the left one, and all rows are kept of the right one.
    assert "join_type=Right," in plans[0]
    assert "join_type=Left," not in plans[0]


@pytest.mark.parametrize(
    ("kind", "config", "again"),
    [
        ("filter", "amount > 3 and upper(code) = 'A'", True),
        ("derive", {"x": "coalesce(amount, 0) + 1"}, True),
        ("derive", {"x": "rand()"}, False),
        ("derive", {"x": "Current_Date"}, False),
        ("derive", {"x": "sum(amount) over (partition by code)"}, False),
        ("derive", {"x": "main.tools.score(amount)"}, False),
        ("aggregate", {"by": [], "measures": {"n": "count(*)"}}, False),
    ],
)
def test_only_what_answers_the_same_is_read_again(kind: str, config: Any, again: bool) -> None:
    assert can_be_read_again([Step(StepType(kind), config)], []) is again
