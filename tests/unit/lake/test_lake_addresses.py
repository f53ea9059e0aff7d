"""Addresses go out and come back unchanged, whatever characters a file name has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.addresses import (
    BlobAddress,
    NotABlobAddress,
    abfss_uri,
    blob_url,
    parse_abfss,
    parse_blob_url,
    result_path,
    spec_path,
)

ENDPOINTS = ("https://acct.blob.core.windows.net", "http://127.0.0.1:10000/acct", "http://localhost:1/acct/")

# A path has no empty or dot segments: clients and servers normalise those away.
segments = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda text: text not in {".", ".."}
)
paths = st.lists(segments, min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@given(path=paths)
def test_a_blob_url_names_the_blob_it_was_made_of(endpoint: str, path: str) -> None:
    assert parse_blob_url(blob_url(endpoint, "landing", path)) == BlobAddress("acct", "landing", path)


@given(path=paths)
def test_an_abfss_address_names_the_blob_it_was_made_of(path: str) -> None:
    assert parse_abfss(abfss_uri("acct", "lake", path)) == BlobAddress("acct", "lake", path)


def test_a_data_lake_url_names_the_same_file_as_the_blob_url() -> None:
    file = parse_blob_url("https://acct.dfs.core.windows.net/landing/mobility/flights/a%20b.csv?sig=x")

    assert file == BlobAddress("acct", "landing", "mobility/flights/a b.csv")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "landing/a.csv",
        "https://acct.blob.core.windows.net/landing",
        "http://127.0.0.1:10000/acct/landing/",
    ],
)
def test_a_url_without_a_blob_is_refused(text: str) -> None:
    with pytest.raises(NotABlobAddress):
        parse_blob_url(text)


@pytest.mark.parametrize(
    "text", ["", "s3://lake/a", "abfss://acct.dfs.core.windows.net/a", "abfss://lake@/a"]
)
def test_an_incomplete_abfss_address_is_refused(text: str) -> None:
    with pytest.raises(NotABlobAddress):
        parse_abfss(text)


def test_spec_and_result_of_an_attempt_lie_side_by_side() -> None:
    attempt = ("mobility", "flights", "r1", "daily_delays", 2)

    assert spec_path(*attempt) == "mobility/flights/r1/daily_delays/2/spec.json"
    assert result_path(*attempt) == "mobility/flights/r1/daily_delays/2/result"
