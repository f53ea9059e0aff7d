"""Texts that are read in blocks: the same rows, refusals and lines as of a file that is read whole."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.spark_runtime.workbench import Workbench, counts

# Some blocks of chunks of some MiB.
FILLER = "x" * 1000
RECORDS = 12_000
CSV = "id,note,size\n" + "".join(f'{at},"{FILLER}",{at % 7}\n' for at in range(RECORDS))
# Records of six lines, on any border a part of one.
TALL_CSV = "id,note,size\n" + "".join(
    f'{at},"{FILLER[:200]}\n{FILLER[:200]}\n\n{FILLER[:300]} ""so"" {at}\n{FILLER[:300]}\n",{at % 7}\n'
    for at in range(RECORDS)
)
COLUMNS = "id int; note string; size int"
FIXED_COLUMNS = "id int | width=6; size int | width=1; note string | width=1000"


@pytest.fixture
def only_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what sees to it that a file is read in blocks from now on, because it is too large to be read whole."""

    def begin() -> None:
        monkeypatch.setattr("spark_runtime.large_texts.LARGE_FROM_BYTES", 1 << 20)
        monkeypatch.setattr("spark_runtime.large_texts.BLOCK_BYTES", 5 << 20)
        monkeypatch.setattr("spark_runtime.landed_files.MAX_FILE_BYTES", 1 << 20)

    return begin


def what_came_of(bench: Workbench, dataset: str, result: dict[str, Any]) -> tuple[Any, ...]:
    refused = bench.rows(f"quarantine/{dataset}", "_rules", "_reason", "_row", "_line")
    published = bench.rows(dataset, "id", "size", "sha2(note, 256)")
    return counts(result), [file["status"] for file in result["files"]], sorted(published), sorted(refused)


@pytest.mark.parametrize(
    ("format_", "content", "options"),
    [
        ("csv", CSV.replace("\n9000,", "\nnine,").replace(",3\n", ",3,3\n", 5), {}),
        ("csv", TALL_CSV.replace("\n11000,", "\neleven,"), {}),
        ("csv", CSV.replace('\n9000,"', '\n9000,"open, "'), {"multi_line": False}),
        (
            "json",
            "".join(
                json.dumps({"id": at, "note": FILLER, "size": at % 7}) + "\r\n" for at in range(RECORDS)
            ).replace('"id": 9000', '"id" 9000'),
            {},
        ),
        ("fixed", "".join(f"{at:<6}{at % 7}{FILLER}\n" for at in range(RECORDS)) + "short", {}),
    ],
    ids=["csv", "records over lines", "single lines", "json", "fixed"],
)
def test_blocks_come_to_what_the_whole_file_comes_to(
    bench: Workbench,
    only_blocks: Callable[[], None],
    format_: str,
    content: str,
    options: dict[str, Any],
) -> None:
    columns = FIXED_COLUMNS if format_ == "fixed" else COLUMNS
    file = bench.land(f"large.{format_}", content.encode())
    whole = bench.ingest(columns, file, dataset="whole", format=format_, options=options)

    only_blocks()
    blocks = bench.ingest(columns, file, dataset="blocks", format=format_, options=options)

    assert blocks["error"] is None
    assert what_came_of(bench, "blocks", blocks) == what_came_of(bench, "whole", whole)
    assert counts(blocks)[0] in (RECORDS, RECORDS + 1)
    assert counts(blocks)[2] > 0
