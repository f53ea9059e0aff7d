"""Large texts come to the same rows, refusals and lines on Spark itself, whether they are read whole or in blocks."""

import json
from typing import Any

import pytest

from tests.contract.engines.engines import classic_python, run_blocks_on_classic

pytestmark = [
    pytest.mark.xdist_group("classic-spark"),
    pytest.mark.skipif(
        classic_python() is None, reason="no classic Spark here: make classic-spark (needs Java 17)"
    ),
]

# Some blocks of 256 KiB, and on each border but by chance a part of a record.
FILLER = "x" * 400
RECORDS = 2500
CSV = "id,note,size\n" + "".join(f"{at},{FILLER},{at % 7}\n" for at in range(RECORDS))
TALL_CSV = "id,note,size\n" + "".join(
    f'{at},"{FILLER[:90]}\n{FILLER[:90]}\n\n{FILLER[:100]} ""so"" {at}\n{FILLER[:90]}\n",{at % 7}\n'
    for at in range(RECORDS)
)
TEXTS = {
    "csv": CSV.replace("\n2000,", "\ntwo,").replace(",3\n", ",3,3\n", 5),
    "csv with the mark of UTF-8": "\ufeff" + CSV.replace("\n2000,", "\ntwo,"),
    "csv of records over lines": TALL_CSV.replace("\n2000,", "\ntwo,"),
    "json": "".join(
        json.dumps({"id": at, "note": FILLER, "size": at % 7}) + "\r\n" for at in range(RECORDS)
    ).replace('"id": 2000', '"id" 2000'),
    "fixed": "".join(f"{at:<6}{FILLER}{at % 7}\n" for at in range(RECORDS)) + "short",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return run_blocks_on_classic(TEXTS, tmp_path_factory.mktemp("blocks"))


@pytest.mark.parametrize("name", TEXTS)
def test_blocks_come_to_what_the_whole_text_comes_to(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    whole, blocks = outcomes[name]["whole"], outcomes[name]["blocks"]

    assert "error" not in blocks, blocks
    assert blocks == whole
    assert len(blocks["published"]) + len(blocks["refused"]) in (RECORDS, RECORDS + 1)
    assert blocks["refused"]
