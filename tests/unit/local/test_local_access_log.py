"""Which lines of the emulator's access log are finished writes."""

import pytest

from landfall.local.storage_events.access_log import (
    FinishedWrite,
    emulator_started,
    finished_write,
    is_watched,
)
from landfall.local.storage_events.events import BlobVersion


def a_line(request: str, status: int = 201) -> str:
    return f'127.0.0.1 - - [22/Nov/2026:15:13:55 +0000] "{request} HTTP/1.1" {status} -'


def test_a_put_is_a_finished_write_of_the_decoded_path() -> None:
    line = a_line("PUT /devstoreaccount1/landing/d/p/a%20b%2B%2541%C3%A9+c.csv?sv=2020-08-04&sig=x%3D")

    assert finished_write(line) == FinishedWrite("landing", "d/p/a b+%41é+c.csv", "PutBlob")


def test_a_put_tells_what_was_written() -> None:
    line = a_line("PUT /devstoreaccount1/landing/d/a.csv") + r' \"0x1A\" 12 BlockBlob "text/csv" "text/plain"'

    assert finished_write(line) == FinishedWrite(
        "landing",
        "d/a.csv",
        "PutBlob",
        BlobVersion("landing", "d/a.csv", "0x1A", 12, "text/csv", "BlockBlob"),
    )


@pytest.mark.parametrize(
    "told", [r'\"0x1A\" - BlockBlob "-" "-"', r'\"0x1A\" 12 PageBlob "-" "-"', '- 12 BlockBlob "-" "-"']
)
def test_what_a_put_does_not_tell_is_left_open(told: str) -> None:
    write = finished_write(a_line("PUT /devstoreaccount1/landing/a.csv") + f" {told}")

    assert write == FinishedWrite("landing", "a.csv", "PutBlob")


def test_committing_blocks_is_a_finished_write() -> None:
    line = a_line("PUT /devstoreaccount1/landing/big.csv?comp=blocklist")

    assert finished_write(line) == FinishedWrite("landing", "big.csv", "PutBlockList")


def test_a_copy_is_a_finished_write() -> None:
    assert finished_write(a_line("PUT /a/landing/copy.csv", 202)) == FinishedWrite(
        "landing", "copy.csv", "CopyBlob"
    )


@pytest.mark.parametrize(
    "line",
    [
        a_line("PUT /devstoreaccount1/landing?restype=container"),
        a_line("PUT /devstoreaccount1/landing/big.csv?comp=block&blockid=AAAA"),
        a_line("PUT /devstoreaccount1/landing/a.csv?comp=metadata", 200),
        a_line("PUT /devstoreaccount1/landing/a.csv?comp=lease"),
        a_line("PUT /devstoreaccount1/landing/a.csv?comp=tags", 204),
        a_line("PUT /devstoreaccount1/landing/a.csv", 403),
        a_line("PUT /devstoreaccount1/landing/a.csv", 412),
        a_line("GET /devstoreaccount1/landing/PUT /x", 200),
        "Azurite Blob service is starting on 127.0.0.1:10000",
        "",
    ],
)
def test_everything_else_is_not(line: str) -> None:
    assert finished_write(line) is None


def test_a_start_of_the_emulator_is_seen() -> None:
    assert emulator_started("Azurite Blob service successfully listens on http://127.0.0.1:10000")
    assert not emulator_started(a_line("PUT /devstoreaccount1/landing/a.csv"))


@pytest.mark.parametrize(
    ("container", "path", "watched"),
    [
        ("landing", "d/p/a.csv", True),
        ("control", "d/p/r1/n/1/result/part-0.txt", True),
        ("control", "d/p/r1/n/1/spec.json", False),
        ("control", "d/p/r1/results/1/spec.json", False),
        ("lake", "d/p/bronze/t/part-0.parquet", False),
    ],
)
def test_only_landing_and_results_are_watched(container: str, path: str, watched: bool) -> None:
    assert is_watched(container, path) is watched
