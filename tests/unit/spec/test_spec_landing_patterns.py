"""Landing patterns: which are sound, and whether two can take the same file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.landing.matching import match_dataset
from landfall.spec.landing_patterns import a_path, pattern_problem
from landfall.spec.pattern_language import common_path, is_more_specific
from tests.builders import a_landed_dataset, a_product

SEGMENT = st.text("ab1*?.", min_size=1, max_size=4).filter(
    lambda text: "**" not in text and text[0] != "."
) | (st.sampled_from(["{v}", "a{v}", "{v:int}", "{v:int}a", "{v:date}", "?{v:int}*"]))
PATTERN = (
    st.lists(SEGMENT | st.just("**"), min_size=1, max_size=3)
    .map("/".join)
    .filter(lambda p: not p.endswith("**") and p.count("{") < 2)
)
NAMES = st.text("ab1.", min_size=1, max_size=4) | st.sampled_from(["2026-01-31", "1234567890"])
PATH = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


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


@given(PATTERN)
def test_a_path_that_shows_a_pattern_matches_it(pattern: str) -> None:
    assert matches(pattern, a_path(pattern))


@given(PATTERN, PATTERN)
def test_a_common_path_is_matched_by_both(one: str, two: str) -> None:
    path = common_path(one, two)

    # Digits stand for a date there, which need not be one of the calendar.
    if path is not None and ":date" not in one + two:
        assert matches(one, path)
        assert matches(two, path)


@given(PATTERN, PATTERN, PATH)
def test_patterns_that_match_one_path_have_a_common_path(one: str, two: str, path: str) -> None:
    if matches(one, path) and matches(two, path):
        assert common_path(one, two) is not None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("orders/2026/*.csv", "orders/**/*.csv", True),
        ("orders/{year:int}/*.csv", "orders/{year}/*.csv", True),
        ("orders/{day:date}/*.csv", "orders/*/*.csv", True),
        ("orders/{year:int}/*.csv", "orders/{day:date}/*.csv", False),
        ("orders/{year}/a.csv", "orders/2026/*.csv", False),
        ("orders/{name}", "orders/*", False),
        ("orders/?*", "orders/{name}", False),
        ("**/a.csv", "*/**/a.csv", False),
        ("*/**/a.csv", "**/a.csv", True),
        ("orders/*.csv", "orders/*.csv", False),
    ],
)
def test_the_more_specific_of_two_patterns(one: str, other: str, expected: bool) -> None:
    assert is_more_specific(one, other) == expected


@given(PATTERN, PATTERN, PATH)
def test_a_more_specific_pattern_matches_nothing_that_the_other_does_not(
    one: str, other: str, path: str
) -> None:
    if is_more_specific(one, other):
        assert not is_more_specific(other, one)
        assert matches(other, path) or not matches(one, path)


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
        "{Year}/a.csv",
        "{}.csv",
        "{a:long}.csv",
        "{a}/{a}.csv",
        "{a/b}.csv",
        "a}.csv",
    ],
)
def test_a_pattern_that_no_finished_file_should_match_is_refused(pattern: str) -> None:
    assert pattern_problem(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["orders/*.csv", "**/part-?.csv.gz", "2024/**/x_1.json", "a.parquet", "{y:int}/{m}-{d:date}.csv"],
)
def test_a_sound_pattern_has_no_problem(pattern: str) -> None:
    assert pattern_problem(pattern) is None
