"""Values that paths of landed files hold, as columns of their rows."""

from datetime import date

from tests.integration.spark_runtime.workbench import Workbench, columns_of, counts, rule


def test_each_row_has_what_the_path_of_its_file_says(bench: Workbench) -> None:
    files = [
        {
            **bench.land("a.csv", b"id\n1\n2\n"),
            "captured": {"year": 2013, "month": "jan", "day": "2013-01-31"},
        },
        {**bench.land("b.csv", b"id\n3\nx\n"), "captured": {"year": 2014, "month": "it's", "day": None}},
    ]
    declared = columns_of("id int")

    result = bench.run(
        kind="ingest",
        inputs=[
            {
                "kind": "files",
                "name": "orders",
                "format": "csv",
                "options": {},
                "files": files,
                "columns": declared,
                "captured": columns_of("year int; month string; day date"),
            }
        ],
        rules=[rule("of_2013", "range", severity="warn", column="year", max=2013)],
        columns=declared,
    )

    assert counts(result) == (4, 3, 1)
    assert bench.rows("orders", "id", "year", "month", "day") == [
        (1, 2013, "jan", date(2013, 1, 31)),
        (2, 2013, "jan", date(2013, 1, 31)),
        (3, 2014, "it's", None),
    ]
    ((_, _, row),) = bench.quarantined()
    assert '"year":2014' in row.replace(" ", "")
