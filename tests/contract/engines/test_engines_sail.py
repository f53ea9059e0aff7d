"""The laptop's engine comes to Spark's verdict on every case, or refuses it; never to another one."""

from typing import Any

import pytest

from tests.contract.engines.catalogue import Case, load_cases, verdict_of
from tests.contract.engines.engines import run_on_sail

CASES = load_cases()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return run_on_sail(CASES, tmp_path_factory.mktemp("engine"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_sail_agrees_or_refuses(
    case: Case, outcomes: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]
) -> None:
    wanted = dict(expected[case.id])
    refusal = wanted.pop("on_sail", wanted)

    assert verdict_of(outcomes[case.id]) == refusal, outcomes[case.id].get("message")


def test_where_sail_does_not_agree_it_refuses(expected: dict[str, dict[str, Any]]) -> None:
    silent = [
        name for name, found in expected.items() if "on_sail" in found and "error" not in found["on_sail"]
    ]

    assert silent == []


def test_every_case_has_its_verdict(expected: dict[str, dict[str, Any]]) -> None:
    assert {case.id for case in CASES} == expected.keys()
