"""Parts of nested values on the real engine: one that does not fit holds its row back, and says where and what."""

from typing import Any

from tests.integration.spark_runtime.workbench import Workbench, counts, rule

COLUMNS = "id int; address struct<city:string,zip:int>; items array<struct<price:decimal(5,2)>>"


def act(
    bench: Workbench, columns: str = COLUMNS, run_id: str = "r2", drift: str = "quarantine"
) -> dict[str, Any]:
    return bench.ingest(
        columns,
        format="json",
        drift=drift,
        run_id=run_id,
        quarantine={"act": "release", "rules": [], "runs": [], "files": [], "by": "ada", "reason": None},
    )


def test_a_refused_row_names_path_place_and_text_of_each_part(bench: Workbench) -> None:
    text = (
        b'{"id": 1, "address": {"zip": "12a"}, "items": [{"price": 1}, {"price": 1000}]}\n'
        b'{"id": "x", "address": {"zip": 1}}\n'
        b'{"id": 3, "address": {"zip": 3}}\n'
    )

    result = bench.ingest(COLUMNS, bench.land("a.json", text), format="json")

    assert counts(result) == (3, 1, 2)
    assert {item["name"]: item["rows_failed"] for item in result["rules"]} == {
        "type:id": 1,
        "type:address.zip": 1,
        "type:items[].price": 1,
    }
    (by_parts, _, row), (by_column, reason, _) = bench.quarantined()
    assert by_parts == ["type:address.zip", "type:items[].price"]
    assert '"address":"{\\"zip\\":\\"12a\\"}"' in row
    assert [item for item, *_ in bench.rows("quarantine/orders", "_reason")] == [
        "type:address.zip: address.zip cannot be read as int; "
        "type:items[].price: items[].price cannot be read as decimal(5,2); "
        "address.zip: '12a' is not int; items[1].price: '1000' is not decimal(5,2)",
        "type:id: id cannot be read as int",
    ]
    assert (by_column, reason) == (["type:id"], "type:id: id cannot be read as int")


def test_a_part_that_still_does_not_fit_is_not_made_null_when_its_row_is_judged_again(
    bench: Workbench,
) -> None:
    file = bench.land("a.json", b'{"id": 1, "address": {"city": "Rome", "zip": 4294967296}}\n')
    assert counts(bench.ingest(COLUMNS, file, format="json")) == (1, 0, 1)

    assert counts(act(bench)) == (1, 0, 1)

    assert bench.rows("orders") == []
    assert bench.quarantined()[0][0] == ["type:address.zip"]


def test_repairs_of_other_columns_leave_parts_as_they_are(bench: Workbench) -> None:
    clamp = rule("low", "range", column="id", min=5, severity="correct", repair="clamp")
    text = b'{"id": 1, "address": {"zip": 7}}\n{"id": 2, "address": {"zip": "x"}}\n'

    result = bench.ingest(COLUMNS, bench.land("a.json", text), format="json", rules=[clamp])

    assert counts(result) == (2, 1, 1)
    assert bench.rows("orders", "id", "address.zip") == [(5, 7)]
    assert bench.quarantined()[0][0] == ["type:address.zip"]


def test_a_struct_of_more_parts_than_a_number_has_bits_is_told_part_by_part(bench: Workbench) -> None:
    fields = ",".join(f"f{at}:int" for at in range(130))
    text = b'{"s": {"f0": "x", "f129": "y"}}\n{"s": {"f70": "z"}}\n{"s": {"f70": 1}}\n'

    result = bench.ingest(f"s struct<{fields}>", bench.land("a.json", text), format="json")

    assert counts(result) == (3, 1, 2)
    assert sorted(names for names, _, _ in bench.quarantined()) == [
        ["type:s.f0", "type:s.f129"],
        ["type:s.f70"],
    ]
