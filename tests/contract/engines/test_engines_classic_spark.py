"""Spark itself, on Java, comes to the expected verdict on every case: the expectations are not the laptop's own.

All cases take it minutes of processor time, so ``make test`` holds one in five of them against it and ``make engines``
all. What is expected changes with the runtime or with Spark, and seldom for one case alone.
"""

import os
from typing import Any
from zlib import crc32

import pytest

from tests.contract.engines.catalogue import Case, load_cases, verdict_of
from tests.contract.engines.engines import classic_python, run_on_classic

SHARE = 1 if os.environ.get("LANDFALL_ENGINES") == "all" else 5
CASES = [case for case in load_cases() if crc32(case.id.encode()) % SHARE == 0]

pytestmark = [
    pytest.mark.xdist_group("classic-spark"),
    pytest.mark.skipif(
        classic_python() is None, reason="no classic Spark here: make classic-spark (needs Java 17)"
    ),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return run_on_classic(CASES, tmp_path_factory.mktemp("engine"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_spark_agrees(
    case: Case, outcomes: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]
) -> None:
    wanted = {key: value for key, value in expected[case.id].items() if key != "on_sail"}

    assert verdict_of(outcomes[case.id]) == wanted, outcomes[case.id].get("message")
