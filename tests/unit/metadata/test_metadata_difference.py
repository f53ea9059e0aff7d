"""What a difference between two versions of a product says, without a database."""

import json
from typing import Any

from landfall.metadata.difference import (
    Change,
    ChangeKind,
    Difference,
    ProductDifference,
    ProductStatus,
    changes_between,
    objects_of,
)


def a_payload(*datasets: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"name": "orders", "datasets": list(datasets), "ports": [], "run": {"retries": 2}, **others}


def a_dataset(name: str, *columns: str, **others: Any) -> dict[str, Any]:
    return {"name": name, "columns": [{"name": column, "type": "int"} for column in columns], **others}


def test_equal_products_have_no_difference() -> None:
    assert changes_between(a_payload(a_dataset("a", "id")), a_payload(a_dataset("a", "id"))) == ()


def test_objects_are_told_apart_by_name_wherever_they_stand() -> None:
    before = a_payload(a_dataset("gone"), a_dataset("kept", "id"))
    after = a_payload(a_dataset("new"), a_dataset("kept", "id"))

    changes = changes_between(before, after)

    assert [(change.kind, change.path) for change in changes] == [
        (ChangeKind.REMOVED, "datasets.gone"),
        (ChangeKind.ADDED, "datasets.new"),
    ]


def test_a_change_names_its_path_and_both_values() -> None:
    before = a_payload(a_dataset("a", "id"))
    after = a_payload({"name": "a", "columns": [{"name": "id", "type": "bigint"}]})

    (change,) = changes_between(before, after)

    assert change == Change(ChangeKind.CHANGED, "datasets.a.columns.id.type", "int", "bigint")
    assert change.line() == '~ datasets.a.columns.id.type: "int" → "bigint"'


def test_an_order_alone_is_a_change() -> None:
    changes = changes_between(a_payload(a_dataset("a", "x", "y")), a_payload(a_dataset("a", "y", "x")))

    assert changes == (Change(ChangeKind.CHANGED, "datasets.a.columns.(order)", ["x", "y"], ["y", "x"]),)


def test_the_first_and_the_last_of_a_list_are_additions_and_removals() -> None:
    port = {"dataset": "a", "version": 1, "contract": None}

    added = changes_between(a_payload(), a_payload(ports=[port]))
    removed = changes_between(a_payload(ports=[port]), a_payload())

    assert [(change.kind, change.path) for change in (*added, *removed)] == [
        (ChangeKind.ADDED, "ports.a@1"),
        (ChangeKind.REMOVED, "ports.a@1"),
    ]


def test_items_without_names_are_compared_by_place_while_their_number_stays() -> None:
    before = a_payload(steps=[{"filter": "a"}, {"filter": "b"}])

    (replaced,) = changes_between(before, a_payload(steps=[{"filter": "a"}, {"filter": "c"}]))
    (longer,) = changes_between(before, a_payload(steps=[{"filter": "a"}]))

    assert replaced.path == "steps[1].filter"
    assert longer.path == "steps"


def test_true_is_not_one() -> None:
    assert changes_between({"header": True}, {"header": 1}) == (
        Change(ChangeKind.CHANGED, "header", True, 1),
    )


def test_long_values_are_cut_in_text_alone() -> None:
    change = Change(ChangeKind.CHANGED, "steps[0].sql", "x" * 200, "y")

    assert len(change.line()) < 120
    assert change.to_payload()["before"] == "x" * 200


def test_the_text_and_the_json_of_a_difference() -> None:
    difference = Difference(
        (
            ProductDifference("sales/new", ProductStatus.ADDED, None, objects_of(a_payload(a_dataset("a")))),
            ProductDifference(
                "sales/orders",
                ProductStatus.CHANGED,
                3,
                (
                    Change(ChangeKind.CHANGED, "run.retries", 2, 3),
                    Change(ChangeKind.ADDED, "ports.a@1", after={}),
                ),
            ),
            ProductDifference("sales/other", ProductStatus.NOT_GIVEN, 1),
            ProductDifference("sales/same", ProductStatus.UNCHANGED, 7),
        )
    )

    assert difference.lines() == (
        "+ sales/new: new, becomes version 1",
        "  + datasets.a",
        "~ sales/orders: version 3 → 4",
        "  ~ run.retries: 2 → 3",
        "  + ports.a@1",
        "? sales/other: applied at version 1, not in this folder; stays as it is",
        "= sales/same: nothing changes, stays at version 7",
    )
    assert not difference.is_empty
    payload = json.loads(json.dumps(difference.to_payload()))
    assert payload["products"][1]["changes"][0] == {
        "kind": "changed",
        "path": "run.retries",
        "before": 2,
        "after": 3,
    }


def test_a_difference_of_what_stays_is_empty() -> None:
    assert Difference((ProductDifference("a/b", ProductStatus.UNCHANGED, 1),)).is_empty
    assert Difference((ProductDifference("a/b", ProductStatus.NOT_GIVEN, 1),)).is_empty
