"""Landing patterns: which are sound, and whether two can take the same file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.landing.matching import match_dataset
from landfall.spec.landing_patterns import common_path, pattern_problem
from tests.builders import a_landed_dataset, a_product

SEGMENT = st.text("ab*?.", min_size=1, max_size=4).filter(lambda text: "**" not in text and text[0] != ".")
PATTERN = (
    st.lists(SEGMENT | st.just("**"), min_size=1, max_size=3)
    .map("/".join)
    .filter(lambda p: not p.endswith("**"))
)
PATH = st.lists(st.text("ab.", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join)


def matches(pattern: str, path: str) -> bool:
    product = a_product(landed=[a_landed_dataset(landing=pattern)])
    return match_dataset(product, path) is not None


@pytest.mark.parametrize(
    ("one", "two", "path"),
    [
        ("flights/*.csv.gz", "flights/*.gz", "flights/x.csv.gz"),
        ("flights/*.csv", "weather/*.csv", None),
        ("*.csv", "orders/*.csv", None),
        ("**/*.csv", "orders/2024/*.csv", "orders/2024/x.csv"),
        ("**/a.csv", "a.csv", "a.csv"),
        ("**/a.csv", "xa.csv", None),
        ("a?.csv", "*b.csv", "ab.csv"),
        ("orders/*.csv", "orders/*.CSV", None),
    ],
)
def test_two_patterns_meet_where_a_file_can_match_both(one: str, two: str, path: str | None) -> None:
    assert common_path(one, two) == path


@given(PATTERN, PATTERN)
def test_a_common_path_is_matched_by_both(one: str, two: str) -> None:
    path = common_path(one, two)

    if path is not None:
        assert matches(one, path)
        assert matches(two, path)


@given(PATTERN, PATTERN, PATH)
def test_patterns_that_match_one_path_have_a_common_path(one: str, two: str, path: str) -> None:
    if matches(one, path) and matches(two, path):
        assert common_path(one, two) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "/a.csv",
        "a/",
        "a//b.csv",
        "../a.csv",
        "a/**",
        "a**/b.csv",
        "_x/a.csv",
        ".a.csv",
        "a b.csv",
        "a%20.csv",
        "{a,b}.csv",
    ],
)
def test_a_pattern_that_no_finished_file_should_match_is_refused(pattern: str) -> None:
    assert pattern_problem(pattern)


@pytest.mark.parametrize("pattern", ["orders/*.csv", "**/part-?.csv.gz", "2024/**/x_1.json", "a.parquet"])
def test_a_sound_pattern_has_no_problem(pattern: str) -> None:
    assert pattern_problem(pattern) is None
