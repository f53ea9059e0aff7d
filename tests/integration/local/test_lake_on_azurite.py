"""The lake adapter on the real emulator."""

from dataclasses import replace
from pathlib import Path

import pytest

from landfall.addresses import parse_blob_url
from landfall.lake import BlobNotFound, Lake, StorageAccessDenied, StorageUnreachable
from tests.loopback import Emulator, free_port


def test_a_landed_file_is_where_its_url_says(lake: Lake, emulator: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "planes 1 %41 é.csv"
    file.write_bytes(b"tailnum\nN1\n" * 1000)

    landed = lake.upload_landing("mobility", "flights", f"planes/{file.name}", file)

    assert landed.size_bytes == 11_000
    assert parse_blob_url(landed.url) == landed.address
    with emulator.service() as service:
        properties = service.get_blob_client("landing", landed.address.path).get_blob_properties()
    assert properties.size == landed.size_bytes
    assert properties.etag.strip('"') == landed.etag


def test_a_file_of_the_same_name_is_a_new_version(lake: Lake) -> None:
    first = lake.upload_landing("d", "p", "again.csv", b"1")
    second = lake.upload_landing("d", "p", "again.csv", b"2")

    assert first.url == second.url
    assert first.etag != second.etag


def test_files_that_land_together_hold_what_was_sent_in_order(lake: Lake, tmp_path: Path) -> None:
    contents = {"a.csv": b"x" * ((8 << 20) + 1), "b.csv": b"", "c.csv": b"a,b\n1,2\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)

    landed = lake.land_together("d", "together", [(name, tmp_path / name) for name in contents])

    assert [blob.size_bytes for blob in landed] == list(map(len, contents.values()))
    for blob, content in zip(landed, contents.values(), strict=True):
        found = lake.find_landed(blob.address.path)
        assert found is not None
        assert found.etag == blob.etag
        assert not content or lake.read_landing(blob.address.path, most_bytes=16 << 20) == content


def test_of_files_that_land_together_none_arrives_if_one_cannot_be_read(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_bytes(b"x")

    with pytest.raises(FileNotFoundError):
        lake.land_together(
            "d", "none", [("there.csv", tmp_path / "there.csv"), ("gone.csv", tmp_path / "gone.csv")]
        )

    assert list(lake.list_landed("d/none")) == []


def test_an_empty_file_can_land(lake: Lake) -> None:
    assert lake.upload_landing("d", "p", "empty.csv", b"").size_bytes == 0


def test_a_control_file_reads_as_it_was_written(lake: Lake) -> None:
    lake.write_control("d/p/r1/n/1/spec.json", '{"naïve": 1}')

    assert lake.read_control("d/p/r1/n/1/spec.json") == '{"naïve": 1}'
    assert lake.exists("control", "d/p/r1/n/1/spec.json")
    assert not lake.exists("control", "d/p/r1/n/2/spec.json")


def test_a_result_is_the_one_file_that_is_no_marker(lake: Lake) -> None:
    folder = "d/p/r2/n/1/result"
    assert lake.read_control_result(folder) is None
    lake.write_control(f"{folder}/_SUCCESS", "")
    lake.write_control(f"{folder}/_committed_7", "{}")
    lake.write_control(f"{folder}-other/part-0.txt", "not this folder")
    assert lake.read_control_result(folder) is None

    lake.write_control(f"{folder}/part-00000.txt", "the result")

    assert lake.read_control_result(folder) == "the result"


def test_a_result_that_an_event_has_named_is_read_from_there_as_long_as_it_is_there(lake: Lake) -> None:
    folder = "d/p/r3/n/1/result"
    lake.write_control(f"{folder}/part-1.txt", "of the first try")
    lake.write_control(f"{folder}/part-2.txt", "of the second try")

    lake.note_result(f"{folder}/part-2.txt")
    named = lake.read_control_result(folder)
    lake.note_result(f"{folder}/part-3.txt")
    replaced = lake.read_control_result(folder)

    assert (named, replaced) == ("of the second try", "of the first try")


def test_of_folders_with_results_only_those_not_read_before_are_read(lake: Lake) -> None:
    folder = "d/p/r4/n/1/parts"
    lake.write_control(f"{folder}/1/part-1.txt", "of the first part")
    lake.write_control(f"{folder}/1/_SUCCESS", "-")
    first = lake.read_control_results(folder)
    lake.write_control(f"{folder}/3/part-1.txt", "of the third")

    second = lake.read_control_results(folder, but=first)
    lake.write_control(f"{folder}/1/part-1.txt", "of the first part, written again")
    third = lake.read_control_results(folder, but=[*first, *second])

    assert [list(texts.values()) for texts in (first, second, third)] == [
        ["of the first part"],
        ["of the third"],
        ["of the first part, written again"],
    ]


def test_a_missing_control_file_is_named(lake: Lake) -> None:
    with pytest.raises(BlobNotFound, match=r"abfss://control@\S+/no/such does not exist"):
        lake.read_control("no/such")


def test_storage_that_does_not_answer_is_unreachable(emulator: Emulator) -> None:
    port = free_port()
    settings = replace(emulator.settings(), blob_endpoint=f"http://127.0.0.1:{port}/devstoreaccount1")

    with pytest.raises(StorageUnreachable, match=str(port)) as caught:
        Lake.connect(settings).read_control("a")

    assert caught.value.retryable


def test_a_wrong_key_is_access_denied(emulator: Emulator) -> None:
    settings = replace(emulator.settings(), storage_key="d3Jvbmc=")

    with pytest.raises(StorageAccessDenied):
        Lake.connect(settings).write_control("a", "b")
